"""ratings.csv with a row a vote; oracles: numpy's mean, std and bincount of the votes drawn here."""

import csv
from pathlib import Path

import numpy as np
import pytest
import yaml

from utils import prepare_dataset

IMAGES, RATERS = 10, 7


@pytest.fixture
def votes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """(IMAGES, RATERS) votes 1..5, of which none says 5; the images are there but never opened."""
    monkeypatch.chdir(tmp_path)
    Path("own").mkdir()
    for image in range(IMAGES):
        Path(f"own/{image}.png").touch()
    drawn = np.random.default_rng(3).integers(1, 5, (IMAGES, RATERS))
    drawn[:, 0] = np.arange(IMAGES) % 4 + 1  # each rating occurs
    return drawn


def write(rows: list[tuple[object, ...]], *header: str) -> None:
    with Path("own/ratings.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def rows_of(votes: np.ndarray) -> list[tuple[object, ...]]:
    """(path, score, rater), rater by rater, as an export in the order of the sessions has them."""
    return [(f"{i}.png", votes[i, r], f"r{r}") for r in range(votes.shape[1]) for i in range(len(votes))]


def prepare(*flags: str) -> int:
    return prepare_dataset.main(["table", "--root", "own", "--out", "data", *flags])


def labels() -> dict[int, list[float]]:
    files = [Path(f"data/{split}/label.txt") for split in ("train", "val", "test")]
    lines = [line for file in files for line in file.read_text().splitlines() if line[0] != "#"]
    return {int(Path(path).stem): list(map(float, rest)) for path, *rest in (row.split(",") for row in lines)}


def table() -> dict[int, dict[str, str]]:
    with Path("data/table.csv").open(encoding="utf-8", newline="") as file:
        return {int(Path(row["path"]).stem): row for row in csv.DictReader(file)}


@pytest.mark.parametrize("how", ["rater", "User_ID", "no column", "flag"])
def test_votes_become_mean_deviation_and_histogram(votes: np.ndarray, how: str, capsys) -> None:
    if how == "flag":  # one vote for most images, which looks like a table with a row an image
        votes = votes[:, :2]
        rows = rows_of(votes[:, :1]) + rows_of(votes[:, 1:])[:3]
        counts = np.where(np.arange(IMAGES) < 3, 2, 1)
    else:
        rows, counts = rows_of(votes), np.full(IMAGES, RATERS)
    write([row if how in ("rater", "User_ID") else row[:2] for row in rows], "path", "score", how)
    if how in ("no column", "flag"):
        write([row[:2] for row in rows], "path", "score")
    assert prepare("--task", "regress", *(["--votes"] if how == "flag" else [])) == 0
    out = capsys.readouterr().out
    who = f" of {RATERS} raters" if how in ("rater", "User_ID") else ""
    assert f"each row is a vote: {counts.sum()} votes{who} on {IMAGES} images" in out
    assert ("1 to 2 per image" if how == "flag" else f"{RATERS} per image") in out
    found, described = labels(), table()
    for image, count in enumerate(counts):
        own = votes[image, :count]
        assert found[image] == [pytest.approx(own.mean(), rel=1e-8)]
        row = described[image]
        assert float(row["mos"]) == pytest.approx(own.mean(), rel=1e-8) and int(row["votes"]) == count
        assert row["std"] == "" if count == 1 else float(row["std"]) == pytest.approx(own.std(ddof=1))
        histogram = [float(row[f"p{rating}"]) for rating in range(1, 5)]
        assert histogram == np.bincount(own, minlength=5)[1:].tolist()


def test_emd_gets_the_counts_up_to_the_end_of_the_scale(votes: np.ndarray, capsys) -> None:
    write(rows_of(votes), "path", "score", "rater")
    assert prepare("--task", "emd") == 0
    assert "histograms of the ratings 1..4, as no vote is higher" in capsys.readouterr().out
    assert labels() == {i: np.bincount(votes[i], minlength=5)[1:].tolist() for i in range(IMAGES)}
    assert prepare("--task", "emd", "--num_classes", "5") == 0  # nobody gave 5
    assert labels() == {i: np.bincount(votes[i], minlength=6)[1:].tolist() for i in range(IMAGES)}
    assert yaml.safe_load(Path("data/dataset.yaml").read_text())["range"] == [1, 5]
    assert prepare("--task", "emd", "--num_classes", "3") == 2
    first = next(n for n, row in enumerate(rows_of(votes), start=2) if row[1] == 4)
    assert f"ratings.csv:{first}: score 4 lies outside 1..3" in capsys.readouterr().err


@pytest.mark.parametrize("change", [0.5, -1])
def test_votes_that_are_not_1_to_n_have_no_histogram(votes: np.ndarray, change: float, capsys) -> None:
    write(rows_of(votes + change), "path", "score", "rater")
    assert prepare("--task", "emd") == 2
    assert "has no histograms of ratings 1..N" in capsys.readouterr().err
    assert prepare("--task", "emd", "--synthesize_histogram", "--num_classes", "5") == 0
    assert prepare("--task", "regress", "--rescale", "1", "4") == 0  # the scale is that of the votes
    low = votes.min()
    expected = {i: [pytest.approx(1 + votes[i].mean() - low)] for i in range(IMAGES)}
    assert labels() == expected


def test_pairs_of_votes_differ_by_two_standard_errors(votes: np.ndarray) -> None:
    rows = [(*row, "s") for row in rows_of(votes)]
    write(rows, "path", "score", "rater", "scene")
    assert prepare("--task", "rank") == 0
    mean, error = votes.mean(axis=1), votes.var(axis=1, ddof=1) / RATERS
    expected = {
        (i, j)
        for i in range(IMAGES)
        for j in range(IMAGES)
        if mean[i] > mean[j] and mean[i] - mean[j] >= 2 * (error[i] + error[j]) ** 0.5
    }
    lines = [line for line in Path("data/train/label.txt").read_text().splitlines() if line[0] != "#"]
    assert {tuple(int(Path(path).stem) for path in line.split(",")) for line in lines} == expected


def test_rows_that_contradict_each_other_are_named(votes: np.ndarray, capsys) -> None:
    means = [(f"{i}.png", i / 2) for i in range(IMAGES)]
    cases = [
        ([*means, ("3.png", 9)], ["path", "score"], ":12: '3.png' has the score 9, but 1.5 in line 5"),
        ([*means, ("./3.png", 9)], ["path", "score"], ":12: './3.png' has the score 9, but 1.5 in line 5"),
        ([*means, (".\\3.png", 9)], ["path", "score"], "has the score 9, but 1.5 in line 5"),
        ([(*row[:2], 0.4) for row in rows_of(votes)], ["path", "score", "std"], "an image has one row"),
        ([*rows_of(votes), ("0.png", 9, "r2")], ["path", "score", "rater"], "by rater 'r2', but"),
        ([("0.png", 1, "x"), ("0.png", 2, "y")], ["path", "score", "scene"], "scene 'y', but 'x' in line 2"),
        ([("0.png", 1, "x"), ("0.png", 1, "y")], ["path", "score", "type"], "type 'y', but 'x' in line 2"),
    ]  # fmt: skip
    for rows, header, words in cases:
        write(rows, *header)
        assert prepare("--task", "regress") == 2
        said = capsys.readouterr().err
        assert words in said and said.count("\n") == 1 and not Path("data").exists(), said


def test_rows_that_say_the_same_count_once(votes: np.ndarray, capsys) -> None:
    means = [(f"{i}.png", i / 2) for i in range(IMAGES)]
    write(means + means[2:4], "path", "score")
    assert prepare("--task", "regress") == 0
    assert labels() == {i: [i / 2] for i in range(IMAGES)}
    assert "left out: 2\n  2 repeats an earlier row" in capsys.readouterr().out
    assert Path("data/left_out.csv").read_text().splitlines()[1] == "line 12,2.png,repeats an earlier row"
    write(rows_of(votes) + rows_of(votes)[:1], "path", "score", "rater")  # sent twice
    assert prepare("--task", "regress") == 0
    assert f"{votes.size} votes" in capsys.readouterr().out
    assert labels()[0] == [pytest.approx(votes[0].mean(), rel=1e-8)]
    rows = [(path, score, "" if rater == "r1" else rater) for path, score, rater in rows_of(votes)]
    write(rows + [rows[IMAGES]], "path", "score", "rater")  # of raters without a name nothing is known
    assert prepare("--task", "regress") == 0
    assert labels()[0] == [pytest.approx((votes[0].sum() + votes[0, 1]) / (RATERS + 1), rel=1e-8)]


def test_votes_belong_to_the_users_own_table(votes: np.ndarray, capsys) -> None:
    with pytest.raises(SystemExit):
        prepare_dataset.main(["tid2013", "--root", "own", "--out", "d", "--task", "rank", "--votes"])
    assert "--votes belongs to NAME table" in capsys.readouterr().err


def test_a_row_an_image_is_no_table_of_votes_whoever_rated(votes: np.ndarray, capsys) -> None:
    write([(f"{i}.png", i + 1, "anna") for i in range(IMAGES)], "path", "score", "user")
    assert prepare("--task", "regress") == 0
    out = capsys.readouterr().out
    assert "columns that are not used: user" in out and "vote" not in out
    assert prepare("--task", "emd", "--votes") == 0  # unless the user says so
    assert labels()[3] == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
