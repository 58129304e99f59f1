"""prepare_dataset.py votes on single images; oracles: sureal's results, BT.500 by brute force."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kurtosis

from utils import prepare_dataset

# (10 images, 9 raters), the third of whom is erratic. What follows was computed by sureal 0.9.0 (Netflix):
# SubjectMLEModelProjectionSolver (--models P910), SubjrejMosModel (BT500) and DmosModel, run_modeling() on a
# RawDatasetReader of these scores; for DMOS the images 0 and 5 are the references of the four after them.
VOTES = np.array([
    [3, 2, 5, 3, 3, 4, 3, 2, 3], [4, 3, 1, 4, 3, 3, 3, 3, 2], [3, 3, 5, 4, 3, 3, 3, 3, 2],
    [2, 1, 5, 2, 2, 2, 1, 2, 1], [4, 5, 5, 4, 4, 3, 4, 3, 4], [5, 4, 5, 4, 4, 5, 4, 4, 4],
    [2, 2, 5, 2, 2, 1, 2, 2, 2], [4, 3, 1, 4, 3, 3, 4, 4, 3], [4, 4, 2, 4, 3, 3, 4, 4, 4],
    [4, 4, 4, 4, 4, 4, 4, 3, 3],
])  # fmt: skip
P910 = [
    *(2.872624620978449, 3.331193034997865, 3.0729109942309387, 1.656359965053504, 3.9111091031876293),
    *(4.273927665904325, 1.9371367371851935, 3.6657678398569025, 3.7861019136708447, 3.8262014582676827),
]
P910_ERROR = 0.12839281961252333  # of each score, as all raters rated all images
BIAS = np.array([8, -4, 17, 8, -4, -4, -1, -7, -13]) / 30
INCONSISTENCY = [
    *(0.24546374643699106, 0.5397578961057105, 2.0751712339197828, 0.3169476042232176, 0.35353058380172636),
    *(0.6821455752785172, 0.2873126897001584, 0.46896726277993045, 0.5244965018666884),
]
BT500 = [2.875, 3.125, 3.0, 1.625, 3.875, 4.25, 1.875, 3.5, 3.75, 3.75]
BT500_ERROR = [
    *(0.2265817417937414, 0.2265817417937414, 0.1889822365046136, 0.18298126367784995, 0.2265817417937414),
    *(0.16366341767699427, 0.125, 0.1889822365046136, 0.16366341767699427, 0.16366341767699427),
]
DMOS = {1: 43 / 9, 2: 46 / 9, 3: 35 / 9, 4: 53 / 9, 6: 26 / 9, 7: 35 / 9, 8: 38 / 9, 9: 40 / 9}
Z = 1.95996


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working folder; the images are there but never opened."""
    monkeypatch.chdir(tmp_path)
    Path("own").mkdir()
    for image in range(len(VOTES)):
        Path(f"own/{image}.png").touch()


def write(votes: np.ndarray = VOTES, references: bool = False) -> None:
    header = ["rater", "path", "rating", "reference" if references else "time"]
    with Path("own/votes.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(header)
        for (image, rater), vote in np.ndenumerate(votes):
            rows.writerow([f"r{rater}", f"{image}.png", vote, f"{image // 5 * 5}.png" if references else ""])


def prepare(*flags: str) -> int:
    return prepare_dataset.main(["votes", "--votes", "own/votes.csv", "--out", "data", *flags])


def column(name: str, header: str) -> np.ndarray:
    with Path(f"data/{name}").open(encoding="utf-8", newline="") as file:
        return np.array([float(row[header] or "nan") for row in csv.DictReader(file)])


def labels() -> dict[int, list[float]]:
    files = [Path(f"data/{split}/label.txt") for split in ("train", "val", "test")]
    lines = [
        line for file in files if file.exists() for line in file.read_text().splitlines() if line[0] != "#"
    ]
    return {
        int(Path(path).stem): [float(x) for x in rest] for path, *rest in (row.split(",") for row in lines)
    }


def test_p910_is_that_of_sureal_to_nine_digits() -> None:
    write()
    assert prepare() == 0
    assert column("scale.csv", "score") == pytest.approx(P910, rel=1e-8)
    assert column("scale.csv", "low") == pytest.approx(np.array(P910) - Z * P910_ERROR, rel=1e-8)
    assert column("scale.csv", "high") == pytest.approx(np.array(P910) + Z * P910_ERROR, rel=1e-8)
    assert column("raters.csv", "bias") == pytest.approx(BIAS, rel=1e-8)
    assert column("raters.csv", "inconsistency") == pytest.approx(INCONSISTENCY, rel=1e-8)
    assert labels() == {image: [pytest.approx(mos, rel=1e-8)] for image, mos in enumerate(P910)}


def test_bt500_is_that_of_sureal_and_of_the_recommendation(capsys) -> None:
    write()
    assert prepare("--screening", "bt500") == 0
    assert "r2: LEFT OUT, ITU-R BT.500: 40% of the votes lie far" in capsys.readouterr().out
    assert column("scale.csv", "score") == pytest.approx(BT500, rel=1e-8)
    assert column("scale.csv", "high") == pytest.approx(np.array(BT500) + Z * np.array(BT500_ERROR), rel=1e-8)
    high, low = np.zeros(9, int), np.zeros(9, int)
    for votes in VOTES:  # A1-2.3.1, image by image
        mean, spread, beta = votes.mean(), votes.std(ddof=1), kurtosis(votes, fisher=False)
        reach = spread * (2 if 2 <= beta <= 4 else 20**0.5)
        high += votes >= mean + reach
        low += votes <= mean - reach
    assert column("raters.csv", "far_above").tolist() == high.tolist() and high[2] == 2
    assert column("raters.csv", "far_below").tolist() == low.tolist()
    asymmetry = [abs(p - q) / (p + q) if p + q else np.nan for p, q in zip(high, low, strict=True)]
    assert column("raters.csv", "asymmetry") == pytest.approx(asymmetry, nan_ok=True)
    assert prepare("--screening", "bt500", "--keep", "r2") == 0
    assert column("scale.csv", "score") == pytest.approx(VOTES.mean(axis=1))


def test_histograms_hold_the_votes_that_count() -> None:
    write()
    assert prepare("--task", "emd", "--num_classes", "5", "--screening", "bt500") == 0
    kept = np.delete(VOTES, 2, axis=1)
    assert labels() == {i: np.bincount(votes, minlength=6)[1:].tolist() for i, votes in enumerate(kept)}


def test_dmos_is_that_of_sureal(capsys) -> None:
    write(references=True)
    assert prepare("--screening", "none", "--dmos", "--num_classes", "6") == 0
    expected = [DMOS.get(image, np.nan) + 1 for image in range(10)]  # sureal's scale ends at 5
    assert column("scale.csv", "dmos_score") == pytest.approx(expected, rel=1e-8, nan_ok=True)
    assert labels() == {i: [pytest.approx(min(dmos + 1, 6), rel=1e-8)] for i, dmos in DMOS.items()}
    assert "2 no DMOS" in capsys.readouterr().out
    assert prepare("--screening", "none") == 0  # told beside the MOS
    assert column("scale.csv", "score") == pytest.approx(VOTES.mean(axis=1))
    assert column("scale.csv", "dmos_score") == pytest.approx(np.array(expected) - 1, rel=1e-8, nan_ok=True)


def test_too_few_votes_per_rater_are_no_model_of_raters(capsys) -> None:
    rows = [f"r{i}{j},{i}.png,{VOTES[i, j]}" for i in range(10) for j in range(9)]  # each rater votes once
    Path("own/votes.csv").write_text("user,path,score\n" + "\n".join(rows))
    assert prepare() == 0
    assert "plain means in place of P.910's model" in capsys.readouterr().out
    assert column("scale.csv", "score") == pytest.approx(VOTES.mean(axis=1))


def test_repeats_of_a_rater_count_and_are_compared() -> None:
    write()
    with Path("own/votes.csv").open("a") as file:
        file.write("r0,0.png,5,\nr0,1.png,4,\n")
    assert prepare("--screening", "none") == 0
    assert column("scale.csv", "votes").tolist() == [10, 10, *[9] * 8]
    assert column("raters.csv", "repeats").tolist() == [2, *[0] * 8]
    assert column("raters.csv", "repeat_difference")[0] == pytest.approx(1.0)  # sqrt((2 * 1 + 0) / 2)


def test_ratings_that_can_not_be_used_are_one_line(capsys) -> None:
    write()
    cases = [
        (["--dmos"], "--dmos needs a column reference in own/votes.csv"),
        (
            ["--model", "probit"],
            "--model does not go with own/votes.csv, which holds votes on ratings of single",
        ),
        (["--num_classes", "4"], "ratings, such as 5, lie outside 1..4"),
        (["--keep", "r99"], "--keep r99: no such rater; there are r0, r1"),
        (["--task", "rank"], "every image is a scene of its own"),
    ]
    for flags, words in cases:
        assert prepare(*flags) == 2
        said = capsys.readouterr().err
        assert words in said and said.count("\n") == 1 and not Path("data").exists(), said
    wrong = {
        "rater,path,rating\nr,0.png,good\n": "votes.csv:2: rating 'good' is not a number",
        "rater,path,rating\n,0.png,1\n": "votes.csv:2: rater is empty",
        "path,rating\n0.png,1\n": "votes have the columns left,right,answer, or rater,path,rating",
        "rater,path,rating\n": "holds a header and no votes",
        "rater,path,rating,reference\nr,0.png,1,9.png\n": "has the reference '9.png', which nobody rated",
    }
    for text, words in wrong.items():
        Path("own/votes.csv").write_text(text)
        assert prepare() == 2
        assert re.search(re.escape(words), capsys.readouterr().err)
