"""prepare_dataset.py votes on pairs; oracles: brute force over votes, SciPy's optimum, the true scores."""

import csv
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.optimize import minimize
from scipy.stats import binomtest, norm, spearmanr

from utils import prepare_dataset

IMAGES = 30
TRUTH = np.random.default_rng(1).normal(0, 1.3, IMAGES)
Row = tuple[str, str, str, str, float, str]


def drawn(rater: str, votes: int, seed: int, coins: bool = False) -> list[Row]:
    """(rater, left, right, answer, seconds, purpose); every fifth pair is an earlier one, sides exchanged."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for number in range(votes):
        left, right = rng.choice(IMAGES, 2, replace=False).tolist()
        purpose = "random"
        if number % 5 == 4:
            left, right = (int(name[3:5]) for name in rows[int(rng.integers(number))][2:0:-1])
            purpose = "mirror"
        ahead = TRUTH[left] - TRUTH[right] + rng.normal()
        answer = "tie" if abs(ahead) < 0.2 else "left" if ahead > 0 else "right"
        if coins:
            answer = str(rng.choice(["left", "right"]))
        rows.append((rater, f"im/{left:02}.png", f"im/{right:02}.png", answer, 1 + number / 100, purpose))
    return rows


HONEST = [row for seed, name in enumerate("abcd") for row in drawn(name, 90, seed)]
CLICKER = drawn("zed", 90, 9, coins=True)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder; the images are there but never opened."""
    monkeypatch.chdir(tmp_path)
    Path("own/im").mkdir(parents=True)
    for image in range(IMAGES):
        Path(f"own/im/{image:02}.png").touch()
    return tmp_path


def write(rows: list[Row], header: str = "rater,left,right,answer,seconds,purpose") -> None:
    with Path("own/votes.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header.split(","), *rows])


def prepare(*flags: str, out: str = "data") -> int:
    return prepare_dataset.main(["votes", "--votes", "own/votes.csv", "--out", out, *flags])


def table(name: str, key: str = "path") -> dict[str, dict[str, str]]:
    with Path(f"data/{name}").open(encoding="utf-8", newline="") as file:
        return {row[key]: row for row in csv.DictReader(file)}


def labels(split: str) -> list[list[str]]:
    file = Path(f"data/{split}/label.txt")
    lines = file.read_text().splitlines() if file.exists() else []
    return [line.split(",") for line in lines if line[0] != "#"]


def shares(rows: list[Row]) -> dict[tuple[str, str], tuple[float, int]]:
    """(better, other) -> share of raters for the better one, and their number; repeats count once."""
    said: dict[tuple[str, str], dict[str, list[float]]] = {}
    for rater, left, right, answer, *_ in rows:
        first, second = sorted((left, right))
        share = {"tie": 0.5, "left": 1.0, "right": 0.0}[answer]
        said.setdefault((first, second), {}).setdefault(rater, []).append(
            share if left == first else 1 - share
        )
    found = {}
    for (first, second), raters in said.items():
        share = float(np.mean([np.mean(votes) for votes in raters.values()]))
        pair = (first, second) if share >= 0.5 else (second, first)
        found[pair] = (max(share, 1 - share), len(raters))
    return found


def test_clicker_is_named_and_pairs_get_the_shares_of_the_others(place: Path, capsys) -> None:
    write([*HONEST, *CLICKER])
    assert prepare("--split", "0.6", "0.2", "0.2") == 0
    out = capsys.readouterr().out
    assert re.search(
        r"^zed: 90 votes, .* LEFT OUT, answers as if at random: \d+% of the decisions", out, re.M
    )
    assert out.count("LEFT OUT") == 1
    assert {name: row["counts"] for name, row in table("raters.csv", "rater").items()} == {
        **dict.fromkeys("abcd", "yes"),
        "zed": "no",
    }
    split_of = {row["path"]: row["split"] for row in table("table.csv").values()}
    expected, cut = {split: {} for split in ("train", "val", "test")}, 0
    for (first, second), said in shares(HONEST).items():
        splits = {split_of[f"own/{first}"], split_of[f"own/{second}"]}
        cut += len(splits) > 1
        if len(splits) == 1:
            expected[splits.pop()][f"own/{first}", f"own/{second}"] = said
    for split, pairs in expected.items():
        found = {(row[0], row[1]): (float(row[2]), int(row[3])) for row in labels(split)}
        ties = {pair for pair, (share, _) in pairs.items() if share == 0.5}
        assert {frozenset(pair) for pair in found} == {frozenset(pair) for pair in pairs}
        assert all(found[p] == (pytest.approx(s), n) for p, (s, n) in pairs.items() if p not in ties), split
    assert f"{cut} pairs across two splits are left out" in out
    described = yaml.safe_load(Path("data/dataset.yaml").read_text())
    assert described["pairs_across_splits"] == cut and list(described["raters_left_out"]) == ["zed"]
    assert Path("data/scale.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize("model", ["probit", "logistic"])
def test_scale_is_the_optimum_and_holds_the_truth(place: Path, model: str) -> None:
    write(HONEST)
    assert prepare("--task", "regress", "--model", model) == 0
    rows = table("scale.csv")
    names = list(rows)
    score, low, high, mos = (
        np.array([float(rows[n][c]) for n in names]) for c in ("score", "low", "high", "mos")
    )
    spread = yaml.safe_load(Path("data/dataset.yaml").read_text())["prior_std"]
    opinions: dict[tuple[str, str, str], list[float]] = {}
    for rater, left, right, answer, *_ in HONEST:
        share = {"tie": 0.5, "left": 1.0, "right": 0.0}[answer]
        key = (rater, left, right) if left < right else (rater, right, left)
        opinions.setdefault(key, []).append(share if left < right else 1 - share)
    first = np.array([names.index(key[1]) for key in opinions])
    second = np.array([names.index(key[2]) for key in opinions])
    wins = np.array([np.mean(votes) for votes in opinions.values()])

    def logs(ahead: np.ndarray) -> np.ndarray:
        return norm.logcdf(ahead) if model == "probit" else -np.logaddexp(0, -ahead)

    def loss(scores: np.ndarray) -> float:
        ahead = scores[first] - scores[second]
        votes = wins * logs(ahead) + (1 - wins) * logs(-ahead)
        return float(-votes.sum() + (scores**2).sum() / 2 / spread**2)

    best = minimize(loss, np.zeros(len(names)), method="BFGS", options={"gtol": 1e-9}).x
    assert score == pytest.approx(best - best.mean(), abs=1e-4)
    unit = 1 if model == "probit" else 1.702
    truth = TRUTH[[int(name[3:5]) for name in names]] * unit
    assert spearmanr(score, truth).statistic > 0.9
    assert ((low < truth - truth.mean()) & (truth - truth.mean() < high)).mean() > 0.8
    link = norm.cdf if model == "probit" else lambda ahead: 1 / (1 + np.exp(-ahead))
    preferred = [np.mean([link(a - b) for j, b in enumerate(score) if j != i]) for i, a in enumerate(score)]
    assert mos == pytest.approx(1 + 4 * np.array(preferred), abs=1e-6)
    written = {row[0]: float(row[1]) for split in ("train", "val", "test") for row in labels(split)}
    assert written == {
        f"own/{name}": pytest.approx(value, abs=1e-6) for name, value in zip(names, mos, strict=True)
    }


def test_raters_are_described_by_their_votes(place: Path) -> None:
    write(HONEST)
    assert prepare() == 0
    for name, row in table("raters.csv", "rater").items():
        own = [vote for vote in HONEST if vote[0] == name]
        answers = Counter(vote[3] for vote in own)
        lefts, count = answers["left"], answers["left"] + answers["right"]
        assert [row["votes"], row["ties"]] == ["90", str(answers["tie"])]
        assert float(row["left_p"]) == pytest.approx(binomtest(lefts, count).pvalue)
        assert float(row["median_seconds"]) == pytest.approx(np.median([vote[4] for vote in own]))
        seen: dict[frozenset[str], tuple[str, str]] = {}
        counts, alike = Counter[bool](), Counter[bool]()
        for _, left, right, answer, *_ in own:
            better = {"left": left, "right": right, "tie": ""}[answer]
            pair = frozenset((left, right))
            if pair in seen:
                first_left, first_better = seen[pair]
                mirrored = first_left != left
                counts[mirrored] += 1
                alike[mirrored] += 2 * (first_better == better) + ((first_better == "") != (better == ""))
            seen.setdefault(pair, (left, better))
        assert [int(row["repeats"]), 2 * float(row["repeated_alike"])] == [counts[False], alike[False]]
        assert [int(row["mirrors"]), 2 * float(row["mirrored_alike"])] == [counts[True], alike[True]]
        assert counts[True] >= 10 and 0.6 < float(row["agreement"]) < 1 and float(row["gain_bits"]) > 0.1


def test_scenes_are_never_cut(place: Path, capsys) -> None:
    write(HONEST)
    rows = [f"im/{i:02}.png,s{i // 3}" for i in range(IMAGES)]
    Path("own/scenes.csv").write_text("path,scene\n" + "\n".join(rows))
    assert prepare("--scenes", "own/scenes.csv", "--split", "0.5", "0.2", "0.3") == 0
    first = Path("data/train/label.txt").read_bytes()
    splits: dict[str, set[str]] = {}
    for row in table("table.csv").values():
        assert row["scene"] == f"s{int(row['path'][7:9]) // 3}"
        splits.setdefault(row["scene"], set()).add(row["split"])
    assert len(splits) == 10 and all(len(names) == 1 for names in splits.values())
    assert prepare("--scenes", "own/scenes.csv", "--split", "0.5", "0.2", "0.3") == 0
    assert Path("data/train/label.txt").read_bytes() == first
    write(HONEST[:60])
    assert prepare("--scenes", "folder", "--split", "1", "0", "0") == 0
    assert {row["scene"] for row in table("table.csv").values()} == {"im"}
    assert prepare("--scenes", "none.csv") == 2
    assert "--scenes none.csv: no such table" in capsys.readouterr().err


def test_images_that_no_vote_links_are_named(place: Path, capsys) -> None:
    for name in ("x", "y", "lonely"):
        Path(f"own/im/{name}.png").touch()
    write(
        [
            *HONEST,
            ("a", "im/x.png", "im/y.png", "left", 1.0, "random"),
            ("a", "im/gone.png", "im/x.png", "tie", 1, ""),
        ]
    )
    assert prepare("--task", "regress", "--images", "own/") == 0
    out = capsys.readouterr().out
    assert "3 images are not linked to the others by votes: im/gone.png, im/x.png, im/y.png" in out
    assert "1 images of own were never voted on: im/lonely.png" in out
    reasons = {row["path"]: row["reason"] for row in table("left_out.csv").values()}
    apart = "not linked to the others by votes"
    assert reasons == {"im/gone.png": "image is not there", "im/x.png": apart, "im/y.png": apart}
    assert {row["component"] for row in table("scale.csv").values()} == {"0", "1"}
    assert not any("x.png" in row[0] for split in ("train", "val", "test") for row in labels(split))


def test_one_rater_is_enough_and_coins_are_not(place: Path, capsys) -> None:
    write(HONEST[:90])
    assert prepare("--split", "1", "0", "0") == 0
    assert "LEFT OUT" not in capsys.readouterr().out
    write(drawn("zed", 300, 3, coins=True))
    assert prepare(out="none") == 2
    said = capsys.readouterr().err
    assert "no rater is left: answers as if at random" in said and not Path("none").exists()
    assert prepare("--keep", "zed", "--split", "1", "0", "0") == 0
    assert prepare("--keep", "zoe") == 2
    assert "--keep zoe: no such rater; there are zed" in capsys.readouterr().err


def test_one_who_turns_the_answers_round_is_told_apart_from_coins(place: Path, capsys) -> None:
    turned = {"left": "right", "right": "left", "tie": "tie"}
    write([*HONEST, *((r, a, b, turned[answer], s, p) for r, a, b, answer, s, p in drawn("eve", 60, 7))])
    assert prepare() == 0
    assert "eve: 60 votes" in (out := capsys.readouterr().out) and out.count("LEFT OUT") == 1
    assert re.search("^eve: .*LEFT OUT, answers against the others", out, re.M)


def test_two_raters_of_whom_one_throws_coins(place: Path, capsys) -> None:
    write([*drawn("anna", 120, 4), *drawn("zed", 120, 5, coins=True)])
    assert prepare() == 0
    out = capsys.readouterr().out
    assert re.search("^zed: .*LEFT OUT", out, re.M) and not re.search("^anna: .*LEFT OUT", out, re.M)


def test_votes_that_can_not_be_used_are_one_line(place: Path, capsys) -> None:
    write(HONEST)
    cases = [
        (["--task", "emd"], "--task emd needs histograms of ratings, but own/votes.csv holds votes on pairs"),
        (["--screening", "bt500"], "--screening does not go with own/votes.csv, which holds votes on pairs"),
        (["--images", "nowhere"], "--images nowhere: no such folder"),
        (["--images", "data_of_others"], "none of 30 images of own/votes.csv is there, such as 'im/00.png'"),
        (["--split", "0", "0", "0"], "--split needs three shares"),
    ]
    Path("data_of_others").mkdir()
    for flags, words in cases:
        assert prepare(*flags) == 2
        said = capsys.readouterr().err
        assert words in said and said.count("\n") == 1 and not Path("data").exists(), said
    write(HONEST[:40])
    assert prepare("--images", "data_of_others", "--no_image_check", "--split", "1", "0", "0") == 0
    write([], "left,right,answer")
    assert prepare() == 2
    assert "holds no vote" in capsys.readouterr().err
    Path("own/votes.csv").write_text("a,b\n1,2\n")
    assert prepare() == 2
    with pytest.raises(SystemExit):
        prepare("--error_rate", "2")
