"""votes.csv and the posterior of a scale; oracles: SciPy's optimiser and normal distribution, choix."""

import csv
import logging
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import norm

from rankiqa.errors import DataError
from rankiqa.votes.links import Link, preference, terms
from rankiqa.votes.scale import fit_scale
from rankiqa.votes.table import read_votes

LINKS: tuple[Link, ...] = ("probit", "logistic")


def log_probability(difference: np.ndarray, link: Link) -> np.ndarray:
    return norm.logcdf(difference) if link == "probit" else -np.log1p(np.exp(-difference))


@pytest.mark.parametrize("link", LINKS)
def test_scale_is_the_highest_posterior_and_its_curvature(link: Link) -> None:
    rng = np.random.default_rng(5)
    count, votes = 7, 60
    first = rng.integers(count, size=votes)
    second = (first + rng.integers(1, count, size=votes)) % count
    wins = rng.choice([0, 0.5, 1, 0.3], votes)
    weight = rng.integers(0, 4, votes)
    prior_mean, prior_std = rng.normal(size=count), rng.uniform(0.5, 2, count)

    def loss(scores: np.ndarray) -> float:
        ahead = scores[first] - scores[second]
        logs = wins * log_probability(ahead, link) + (1 - wins) * log_probability(-ahead, link)
        return float(-(weight * logs).sum() + (((scores - prior_mean) / prior_std) ** 2).sum() / 2)

    expected = minimize(loss, np.zeros(count), method="BFGS", options={"gtol": 1e-10})
    scale = fit_scale(count, first, second, wins, weight, link, prior_mean, prior_std)
    assert loss(scale.mean) <= expected.fun + 1e-10
    assert scale.mean == pytest.approx(expected.x, abs=1e-5)
    step = 1e-4 * np.eye(count)
    curvature = [
        [
            (loss(m + a + b) - loss(m + a - b) - loss(m - a + b) + loss(m - a - b)) / 4e-8
            for b in step
        ]
        for m in [scale.mean]
        for a in step
    ]  # fmt: skip
    assert np.linalg.inv(curvature) == pytest.approx(scale.covariance, abs=1e-5)
    full = fit_scale(
        count, first, second, wins, weight, link, prior_mean, prior_covariance=np.diag(prior_std**2)
    )
    assert full.mean == pytest.approx(scale.mean, abs=1e-9)
    assert full.log_evidence == pytest.approx(scale.log_evidence, abs=1e-9)
    started = fit_scale(count, first, second, wins, weight, link, prior_mean, prior_std, start=full.mean + 3)
    assert started.mean == pytest.approx(scale.mean, abs=1e-9)


def test_bradley_terry_scores_are_those_of_choix() -> None:
    """choix.opt_pairwise(5, WINS, alpha=0.5, method="Newton-CG", tol=1e-12) of choix 0.4.1."""
    wins = [(0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (4, 0), (0, 3), (1, 4), (2, 1), (0, 1)]
    expected = [0.605417405, -0.120048956, 0.013667657, -0.241060733, -0.257975372]
    first, second = np.array(wins).T
    scale = fit_scale(5, first, second, np.ones(len(wins)), link="logistic")
    assert scale.mean == pytest.approx(expected, abs=1e-7)


def test_links_hold_far_out() -> None:
    ahead = np.array([-1e4, -200, -30.01, -29.99, -5, 0, 5, 40, 1e4])
    found = terms(ahead, np.ones(len(ahead)), "probit")
    assert found.value == pytest.approx(norm.logcdf(ahead), rel=1e-12)
    assert found.slope == pytest.approx(np.exp(norm.logpdf(ahead) - norm.logcdf(ahead)), rel=1e-6)
    assert ((found.curvature >= 0) & (found.curvature <= 1)).all()
    assert preference(ahead, "probit") == pytest.approx(norm.cdf(ahead), rel=1e-12)
    assert np.isfinite(terms(ahead, np.full(len(ahead), 0.5), "logistic").value).all()


def test_no_votes_leave_the_prior() -> None:
    scale = fit_scale(3, [], [], [], prior_mean=np.array([1.0, 2, 3]), prior_std=0.5)
    assert scale.mean.tolist() == [1, 2, 3] and scale.log_evidence == pytest.approx(0)
    assert scale.covariance == pytest.approx(np.eye(3) / 4)
    mean, variance = scale.difference(np.array([2]), np.array([0]))
    assert mean == pytest.approx([2]) and variance == pytest.approx([0.5])
    with pytest.raises(ValueError, match="compared with itself"):
        fit_scale(3, [1], [1], [1])


def write(path: Path, *rows: str, end: str = "\n") -> Path:
    path.write_bytes(("\n".join(rows) + end).encode())
    return path


HEADER = "time,rater,left,right,answer,seconds,purpose"


def test_votes_that_were_undone_are_gone(tmp_path: Path) -> None:
    file = write(
        tmp_path / "votes.csv",
        "\ufeff" + HEADER,
        "2026-01-01T00:00:00Z,anna,a.png,sub\\b.png,left,1.5,chosen",
        "2026-01-01T00:00:01Z,ben,a.png,c.png,tie,,random",
        "2026-01-01T00:00:02Z,anna,./a.png,sub/b.png,undo,,",
        "2026-01-01T00:00:03Z,anna,sub/b.png,a.png,right,0.5,mirror",
        "2026-01-01T00:00:04Z,ben,a.png,b.png,skip,2,repeat",
    )
    votes = read_votes(file)
    assert [(v.rater, v.left, v.right, v.answer, v.line) for v in votes] == [
        ("ben", "a.png", "c.png", "tie", 3),
        ("anna", "sub/b.png", "a.png", "right", 5),
        ("ben", "a.png", "b.png", "skip", 6),
    ]
    assert np.isnan(votes[0].seconds) and votes[1].seconds == 0.5 and votes[1].purpose == "mirror"


def test_a_row_cut_by_a_kill_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = ["2026,anna,a.png,b.png,left,1.5,chosen", "2026,anna,a.png,c.png,right,1.5,mirror"]
    for cut in range(1, len(whole[1])):
        votes = read_votes(write(tmp_path / "votes.csv", HEADER, whole[0], whole[1][:cut], end=""))
        assert len(votes) == 1 or (len(votes) == 2 and cut > whole[1].rindex(","))
    assert caplog.records[0].levelno == logging.WARNING and "votes.csv:3: the last row was cut" in caplog.text
    assert len(read_votes(write(tmp_path / "hand.csv", "left,right,answer", "a,b,Left", end=""))) == 1


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "is empty"),
        (["left;right;answer"], "votes.csv:1: no column left, right, answer in the header"),
        (["left,right,answer,left"], "two columns are called 'left'"),
        (["left,right,answer", "a,b,left", "a,b"], "votes.csv:3: 2 cells, but the header has 3"),
        (["left,right,answer", "a,b,better", "a,a,left"], "the answer 'better' is none of .*1 more such row"),
        (["left,right,answer", "a,./a,left"], "'a' is compared with itself"),
        (["left,right,answer", ",a,left"], "the path left is empty"),
        (["left,right,answer,seconds", "a,b,left,-1"], "seconds '-1' is not a number of 0 or more"),
        (["left,right,answer,purpose", "a,b,left,fun"], "the purpose 'fun' is none of"),
        (["left,right,answer", "a,b,undo"], "votes.csv:2: undoes 'a' against 'b', which is not the latest"),
        (["left,right,answer", "a,b,left", "a,c,undo"], "undoes 'a' against 'c'"),
    ],
)
def test_wrong_votes_are_named(rows: list[str], words: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=words):
        read_votes(write(tmp_path / "votes.csv", *rows))
    with pytest.raises(DataError, match="can't be read"):
        read_votes(tmp_path / "none.csv")


def test_paths_with_commas_survive(tmp_path: Path) -> None:
    with (tmp_path / "votes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["left", "right", "answer"], ["a,1.png", 'b"2".png', "tie"]])
    assert [(vote.left, vote.right) for vote in read_votes(tmp_path / "votes.csv")] == [
        ("a,1.png", 'b"2".png')
    ]
