"""Splits of votes: by name alone, the same when pairs are asked and when labels are written."""

import csv
import hashlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from rankiqa.votes.beliefs import Beliefs
from rankiqa.votes.choose import Chooser
from rankiqa.votes.labelling import Labelling
from rankiqa.votes.splits import FEWEST, SHARES, parts_of, split_of
from rankiqa.votes.vote_log import VoteLog
from utils.prepare_dataset import main as prepare

SPLITS = ("train", "val", "test")


def split_by_hand(name: str, shares: tuple[float, ...], seed: int) -> int:
    """The definition in exact fractions: the split whose stretch of the unit interval holds the hash."""
    text = hashlib.sha256(f"{seed}\0{name}".encode()).hexdigest()[:16]
    drawn, total = Fraction(int(text, 16), 16**16), sum(map(Fraction, shares))
    end = Fraction(0)
    for number, share in enumerate(shares):
        end += Fraction(share) / total
        if drawn < end:
            return number
    raise AssertionError


@pytest.mark.parametrize("shares", [SHARES, (0.8, 0.1, 0.1), (1, 0, 0), (0, 0, 3), (0.5, 0, 0.5)])
def test_a_split_is_where_the_hash_lies(shares: tuple[float, ...]) -> None:
    names = [f"{number}/ü {number}.jpg" for number in range(400)]
    for seed in (0, 1):
        found = [split_of(name, shares, seed) for name in names]
        assert found == [split_by_hand(name, shares, seed) for name in names]
    counts = np.bincount(found, minlength=3)
    assert not counts[np.array(shares) == 0].any()
    kept = np.flatnonzero(shares)
    expected = np.array(shares)[kept] / sum(shares) * len(names)
    assert stats.chisquare(counts[kept], expected).pvalue > 1e-3 or len(kept) == 1


def test_pairs_lie_in_one_split_and_each_has_its_share() -> None:
    names = [f"{number}.jpg" for number in range(100)]
    parts = parts_of(names)
    assert parts is not None and parts_of(names[: FEWEST - 1]) is None
    beliefs, rng = Beliefs.before(np.zeros(100), 1.0), np.random.default_rng(0)
    counts = np.zeros(3)
    for _ in range(400):
        found = Chooser(True, parts).next(beliefs, np.arange(100), (), (), rng)
        assert found is not None
        (first, second), _ = found
        assert first < second and parts[first] == parts[second]
        counts[parts[first]] += 1
    assert stats.chisquare(counts, np.array(SHARES) * 400).pvalue > 1e-3
    # only pairs to train are chosen by what they tell
    drawn = [Chooser(False, parts).next(beliefs, np.arange(100), (), (), rng) for _ in range(40)]
    assert {(int(parts[one[0][0]]) > 0, one[1]) for one in drawn if one} == {(False, False), (True, True)}


def test_a_split_without_a_free_pair_hands_its_turn_on() -> None:
    parts = np.array([0, 0, 1, 2, 2])
    beliefs, rng = Beliefs.before(np.zeros(5), 1.0), np.random.default_rng(0)
    seen = [Chooser(False, parts).next(beliefs, np.arange(5), {(0, 1)}, (), rng) for _ in range(20)]
    assert {one[0] for one in seen if one} == {(3, 4)} and None not in seen
    assert Chooser(False, parts).next(beliefs, np.arange(5), {(0, 1), (3, 4)}, (), rng) is None


@pytest.fixture
def label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Gives answers to a session on 80 images, and makes labels of them."""
    monkeypatch.chdir(tmp_path)
    names = [f"{number}.jpg" for number in range(80)]
    Path("photos").mkdir()
    for name in names:
        Path("photos", name).touch()

    def run(chooser: Chooser, count: int, *flags: str) -> list[tuple[str, str]]:
        log = VoteLog(Path("votes.csv"))
        session = Labelling(names, log, chooser, seed=0)
        shown, asked = session.upcoming("ann", []), []
        for before in range(count):
            one, *rest = shown
            answer = "left" if one.left < one.right else "right"
            session.answer("ann", one, answer, 1.0, before)
            asked.append((names[min(one.pair)], names[max(one.pair)]))
            shown = session.upcoming("ann", rest)
        log.close()
        command = ["votes", "--votes", "votes.csv", "--images", "photos", "--out", "data", *flags]
        assert prepare(command) == 0
        return asked

    run.names = names  # type: ignore[attr-defined]
    return run


def labelled() -> list[tuple[str, ...]]:
    files = [Path("data", split, "label.txt") for split in SPLITS]
    rows = [row for file in files if file.is_file() for row in csv.reader(file.open(encoding="utf-8"))]
    return [tuple(Path(name).name for name in row[:2]) for row in rows if not row[0].startswith("#")]


@pytest.mark.parametrize("count", [20, 120])  # twenty answers are on fewer images than FEWEST
def test_every_answer_becomes_a_label(count: int, label, capsys: pytest.CaptureFixture[str]) -> None:
    asked = label(Chooser(True, parts_of(label.names)), count)
    assert sorted(labelled()) == sorted(set(asked))  # the lower number is better
    assert "0 pairs across two splits are left out" in capsys.readouterr().out
    for split, part in zip(SPLITS, range(3), strict=True):
        rows = Path("data", split, "label.txt").read_text().splitlines()
        found = {Path(name).name for row in rows if row[0] != "#" for name in row.split(",")[:2]}
        assert found and {split_of(name) for name in found} == {part}


def test_few_images_with_any_pairs_are_counted_out(label) -> None:
    """As chance might put all into one split."""
    label(Chooser(True), 20, "--no_image_check")
    with Path("data/table.csv").open(encoding="utf-8", newline="") as file:
        splits = [row["split"] for row in csv.DictReader(file)]
    shares = [splits.count(split) / len(splits) for split in SPLITS]
    assert shares == pytest.approx(SHARES, abs=1 / len(splits))


def test_scores_of_splits_that_no_vote_links_can_be_compared(label) -> None:
    label(Chooser(True, parts_of(label.names)), 500, "--task", "regress")
    with Path("data/table.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}
    assert {row["split"] for row in rows.values()} == set(SPLITS) and len(rows) >= 78
    mos = [float(row["mos"]) for row in rows.values()]
    order = [-int(Path(path).stem) for path in rows]
    assert stats.spearmanr(mos, order).statistic > 0.9
