"""The choice of pairs: against brute force on few images, no pair twice, repetitions, what a prior does."""

from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, stats

from rankiqa.votes.beliefs import Beliefs, expected_shrinkage
from rankiqa.votes.choose import Chooser, best_pair, random_pair, rank_density, rank_gains
from rankiqa.votes.labelling import AHEAD, APART, Labelling, Shown
from rankiqa.votes.outlook import outlook
from rankiqa.votes.scale import fit_scale
from rankiqa.votes.table import read_votes
from rankiqa.votes.vote_log import VoteLog


def some_beliefs(count: int = 5, seed: int = 0) -> Beliefs:
    rng = np.random.default_rng(seed)
    roots = rng.standard_normal((count, count)) / 2
    return Beliefs(rng.standard_normal(count), roots @ roots.T + 0.2 * np.eye(count))


def covariance_after(beliefs: Beliefs, first: int, second: int) -> np.ndarray:
    """Its expectation over the answer, by integration over the difference d of the two scores."""
    direction = np.zeros(len(beliefs.mean))
    direction[first], direction[second] = 1, -1
    column = beliefs.covariance @ direction
    variance, mean = direction @ column, direction @ beliefs.mean
    d = np.linspace(-15, 15, 6001)
    density = stats.norm.pdf(d, mean, np.sqrt(variance))
    expected = np.zeros_like(beliefs.covariance)
    for sign in (1, -1):
        moments = [
            integrate.simpson(d**power * density * stats.norm.cdf(sign * d), x=d) for power in range(3)
        ]
        share, first_moment, second_moment = moments
        left = second_moment / share - (first_moment / share) ** 2
        # Given d, the answer tells nothing more: all changes come from the variance of d.
        change = (variance - left) / variance**2
        expected += share * (beliefs.covariance - change * np.outer(column, column))
    return expected


def test_the_gain_is_the_expected_fall_of_the_squared_error_of_ranks() -> None:
    beliefs = some_beliefs()
    count = len(beliefs.mean)
    density = rank_density(beliefs)
    for i in range(count):  # the derivatives of sum_j Phi((m_i - m_j) / s_ij) by the scores
        for j in range(count):
            variance = beliefs.covariance[i, i] + beliefs.covariance[j, j] - 2 * beliefs.covariance[i, j]
            wanted = 0 if i == j else stats.norm(0, np.sqrt(variance)).pdf(beliefs.mean[i] - beliefs.mean[j])
            assert density[i, j] == pytest.approx(wanted, rel=1e-9)
    ranks = np.diag(density.sum(axis=1)) - density
    first, second = np.triu_indices(count, 1)
    gains = rank_gains(beliefs, first, second)
    for pair, gain in zip(zip(first, second, strict=True), gains, strict=True):
        fall = ranks @ (beliefs.covariance - covariance_after(beliefs, *pair)) @ ranks.T
        assert gain == pytest.approx(np.trace(fall), rel=1e-4)
    best = best_pair(beliefs, np.arange(count), (), (), np.random.default_rng(0))
    assert best == (first[gains.argmax()], second[gains.argmax()])


def test_beliefs_move_as_the_fit_does() -> None:
    """One answer: exactly (the prior is Gaussian, and so is Laplace's approximation in one direction)."""
    for share in (1.0, 0.0, 0.5):
        beliefs = Beliefs.before(np.array([0.3, -0.2, 0.1]), 1.2)
        beliefs.learn(0, 2, share)
        fitted = fit_scale(
            *(3, np.array([0]), np.array([2]), np.array([share])),
            prior_mean=np.array([0.3, -0.2, 0.1]),
            prior_std=1.2,
        )
        assert beliefs.mean == pytest.approx(fitted.mean, abs=1e-7)
        assert beliefs.covariance == pytest.approx(fitted.covariance, abs=1e-7)


def test_foreseen_answers_tell_nothing() -> None:
    means, variances = np.array([0.0, 1.0, 3.0, 30.0]), np.full(4, 0.5)
    told = expected_shrinkage(means, variances)
    assert (np.diff(told) < 0).all() and told[-1] == 0
    beliefs = Beliefs.before(np.array([0.0, 0.0, 9.0, 9.0]), 1.0)
    pairs = {best_pair(beliefs, np.arange(4), (), (), np.random.default_rng(seed)) for seed in range(20)}
    assert pairs == {(0, 1), (2, 3)}


def test_pairs_that_wait_count_as_answered() -> None:
    beliefs = Beliefs.before(np.zeros(6), 1.0)
    first = best_pair(beliefs, np.arange(6), (), (), np.random.default_rng(0))
    assert first is not None
    second = best_pair(beliefs, np.arange(6), {first}, [first], np.random.default_rng(0))
    assert second is not None and not set(first) & set(second)  # the others are known less
    everything = {(i, j) for i in range(3) for j in range(i + 1, 3)}
    assert best_pair(beliefs, np.arange(3), everything, (), np.random.default_rng(0)) is None
    assert random_pair(np.arange(3), everything, np.random.default_rng(0)) is None
    assert random_pair(np.array([2, 5]), (), np.random.default_rng(0)) == (2, 5)


def test_the_outlook_is_what_simulated_truths_say() -> None:
    beliefs = Beliefs(np.arange(8.0), np.eye(8) * 0.5)
    seen = outlook(beliefs, np.arange(8), (), np.random.default_rng(0))
    draws = np.random.default_rng(1).multivariate_normal(beliefs.mean, beliefs.covariance, 500)
    wanted = np.mean([stats.spearmanr(beliefs.mean, draw).statistic for draw in draws])
    assert seen.now == pytest.approx(wanted, abs=0.04)
    assert seen.now < seen.after < 1


@pytest.fixture
def log(tmp_path: Path) -> VoteLog:
    return VoteLog(tmp_path / "votes.csv")


def answer_all(session: Labelling, rater: str, count: int) -> list[Shown]:
    """Answers that prefer the lower number."""
    seen: list[Shown] = []
    holding = session.upcoming(rater, [])
    for before in range(count):
        shown, *rest = holding
        session.answer(rater, shown, "left" if shown.left < shown.right else "right", 0.5, before)
        seen.append(shown)
        holding = session.upcoming(rater, rest)
    return seen


@pytest.mark.parametrize("at_random", [False, True])
def test_a_session(log: VoteLog, at_random: bool) -> None:
    session = Labelling([f"{number}.png" for number in range(30)], log, Chooser(at_random), seed=1)
    seen = answer_all(session, "a", 200)
    own = [one for one in seen if one.purpose == ("random" if at_random else "chosen")]
    again = [(place, one) for place, one in enumerate(seen) if one.purpose in ("repeat", "mirror")]
    assert len(own) + len(again) == 200 and 4 <= len(again) <= 20
    assert len({one.pair for one in own}) == len(own)  # none of the 435 pairs twice
    assert 60 < sum(one.left < one.right for one in seen) < 140  # sides are random
    for place, one in again:
        earlier = next(number for number, other in enumerate(seen) if other.pair == one.pair)
        assert place - earlier >= APART
        assert (seen[earlier].left == one.left) == (one.purpose == "repeat")
    session.refit()
    truth = -np.arange(30)
    assert stats.spearmanr(session.scores, truth).statistic > 0.9
    held = session.upcoming("b", [])
    assert len(held) == AHEAD
    assert not {one.pair for one in held} & {one.pair for one in session.upcoming("a", [])}


def test_undo_a_resumed_session_and_an_answer_that_is_sent_twice(log: VoteLog, tmp_path: Path) -> None:
    names = ["a b.png", "b,c.png", "ü.png", "d.png"]
    session = Labelling(names, log, seed=0)
    seen = answer_all(session, "a", 3)
    session.answer("a", seen[-1], "left", 0.5, 2)  # it was kept, and the reply was lost
    assert session.count == 3
    assert session.undo("a", 1.0, 3) == seen[-1]
    assert session.undo("a", 1.0, 3) is None  # the same wish again
    assert session.undo("b", 1.0, 0) is None
    session.refit()
    log.close()
    resumed = Labelling(names, VoteLog(tmp_path / "votes.csv"), seed=0)
    assert [one.shown for one in resumed.rater("a").answered] == seen[:2]
    resumed.refit()
    assert resumed.scores == pytest.approx(session.scores, abs=1e-6)
    lines = (tmp_path / "votes.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 5 and lines[-1].split(",")[-3:] == ["undo", "1.000", seen[-1].purpose]


def test_no_answer_is_undone_before_one_on_an_image_that_is_gone(log: VoteLog, tmp_path: Path) -> None:
    """An undo takes the latest row back, and that one stays."""
    for right in ("b", "gone", "c"):
        log.append("x", "a", right, "left", 1.0, "chosen")
    log.close()
    session = Labelling(["a", "b", "c"], VoteLog(tmp_path / "votes.csv"), seed=0)
    assert session.unknown == 1 and session.count == 2
    assert session.undo("x", 1.0, 2) == Shown(0, 2, "chosen")
    assert session.undo("x", 1.0, 1) is None
    assert [vote.right for vote in read_votes(tmp_path / "votes.csv")] == ["b", "gone"]


def test_a_full_disk_leaves_no_part_of_a_row(log: VoteLog, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="no such limits on this system")
    path = tmp_path / "votes.csv"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, limits[1]))
    try:
        with pytest.raises(OSError, match=r"votes\.csv"):
            log.append("x", "a", "b", "left", 1.0, "chosen")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    log.append("x", "a", "b", "left", 1.0, "chosen")
    assert [vote.line for vote in read_votes(path)] == [2]


def test_a_prior_orders_images_until_the_answers_do(log: VoteLog) -> None:
    session = Labelling([str(number) for number in range(12)], log, seed=0)
    session.set_prior(np.array([*range(11), np.nan], dtype=float))
    session.refit()
    assert stats.spearmanr(session.scores[:11], range(11)).statistic == pytest.approx(1)
    answer_all(session, "a", 60)  # the lower number is better
    session.refit()
    assert stats.spearmanr(session.scores, range(12)).statistic < -0.9


def test_images_that_cant_be_read_are_not_asked(log: VoteLog) -> None:
    session = Labelling(["a", "b", "c"], log, seed=0)
    session.leave_out(1)
    held = session.upcoming("x", [Shown(0, 1, "chosen")])
    assert {one.pair for one in held} == {(0, 2)}
    session.leave_out(0)
    assert session.upcoming("x", []) == []
