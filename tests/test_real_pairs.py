"""`-e --pairs`. Oracles: the scores of --predict, counts by hand, the exact test of SciPy."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

import rankiqa.scorer
from main import main
from metrics.pair_accuracy import PairAccuracy
from rankiqa.spec import ModelSpec
from tests.conftest import lively, texture
from tests.small_arch import SMALL_ARCH
from utils.checkpoint import save_checkpoint

COMMAND = "-e --pairs set/pairs.csv --resume m.pth -g 0 --engine torch --threads 1"
ROWS = [
    ["images/0.png", "images/1.png", "blur", "sharp, first"],
    ["images/1.png", "images/0.png", "noise", ""],
    ["./images/2.png", "images\\1.png", "noise", "spelled otherwise"],
    ["images/0.png", "images/same.png", "copy", "a tie"],
]


@pytest.fixture
def pairs(workplace: Callable[..., Path]) -> Path:
    """A file of pairs in a folder of its own, with the images beside it, and m.pth."""
    folder = workplace() / "set"
    (folder / "images").mkdir(parents=True)
    for number in range(3):
        texture(number, number, (64, 80)).save(folder / f"images/{number}.png")
    texture(0, 0, (64, 80)).save(folder / "images/same.png")
    spec = ModelSpec(SMALL_ARCH, image_size=(64, 64))
    network = lively(spec.arch, 1, (64, 64))
    save_checkpoint("m.pth", {"state_dict": network.state_dict(), "spec": spec.to_dict()})
    write(folder / "pairs.csv", [["better", "worse", "kind", "note"], *(ROWS[k] for k in (0, 2, 3))])
    return folder / "pairs.csv"


def write(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_is_that_of_the_scores_of_predict(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(pairs, [["better", "worse", "kind", "note"], *(ROWS[k] for k in (0, 2, 3))])
    assert main(["--predict", "set/images", "--output", "s.csv", *COMMAND.split()[3:]]) == 0
    scores = {Path(row["path"]).name: float(row["score"]) for row in read(Path("s.csv"))}
    assert main(COMMAND.split()) == 0
    content = json.loads(next(Path("logs").rglob("metrics.json")).read_text())
    right = {
        "blur": scores["0.png"] > scores["1.png"],
        "noise": scores["2.png"] > scores["1.png"],
        "copy": False,
    }
    assert list(content["kinds"]) == list(right)
    for kind, entry in content["kinds"].items():
        assert (entry["pairs"], entry["right"], entry["ties"]) == (1, int(right[kind]), int(kind == "copy"))
    whole = content["all"]
    assert (whole["pairs"], whole["right"], whole["ties"]) == (3, sum(right.values()), 1)
    assert whole["share"] == sum(right.values()) / 3 and content["images"] == 4
    assert content["pairs_left_out"] == 0
    wrong = read(next(Path("logs").rglob("wrong_pairs.csv")))
    assert {row["kind"] for row in wrong} == {kind for kind in right if not right[kind]}
    assert list(wrong[0]) == ["better", "worse", "kind", "note", "score_better", "score_worse", "margin"]
    for row in wrong:
        names = [Path(row[side].replace("\\", "/")).name for side in ("better", "worse")]
        assert [float(row["score_better"]), float(row["score_worse"])] == [scores[name] for name in names]
        assert float(row["margin"]) == scores[names[0]] - scores[names[1]] <= 0
    margins = [float(row["margin"]) for row in wrong]
    assert margins == sorted(margins) and wrong[-1]["note"] == "a tie"
    out = capsys.readouterr().out
    assert "95% interval (exact)" in out and "blur" in out and "wrong_pairs.csv" in out


def test_each_image_is_scored_once(
    pairs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(pairs, [["better", "worse", "kind", "note"], *(ROWS[k] for k in (0, 2, 3)), ROWS[0]])
    seen = []
    score_crops = rankiqa.scorer.Scorer.score_crops
    monkeypatch.setattr(
        rankiqa.scorer.Scorer,
        "score_crops",
        lambda self, crops, pad=False: seen.append(len(crops)) or score_crops(self, crops, pad),
    )
    assert main(COMMAND.split()) == 0
    assert sum(seen) == 4
    assert "pairs.csv: 1 rows repeat an earlier one" in "".join(capsys.readouterr())
    content = json.loads(next(Path("logs").rglob("metrics.json")).read_text())
    assert content["kinds"]["blur"]["pairs"] == 2  # a row that is repeated counts, with a warning


def test_its_own_output_can_be_judged_again(pairs: Path) -> None:
    """Columns of the earlier model are replaced, with a warning, and the others are kept."""
    assert main(COMMAND.split()) == 0
    first = next(Path("logs").rglob("wrong_pairs.csv"))
    (pairs.parent / "again.csv").write_text(first.read_text())
    again = COMMAND.replace("pairs.csv", "again.csv")
    assert main([*again.split(), "--logdir", "logs2"]) == 0
    assert next(Path("logs2").rglob("wrong_pairs.csv")).read_text() == first.read_text()


def test_the_default_model_is_used_where_none_is_named(
    pairs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-e", "--pairs", "set/pairs.csv", "--no-cuda", "--threads", "1"]) == 0
    out = capsys.readouterr().out
    assert (
        "default." in out
        and json.loads(next(Path("logs").rglob("metrics.json")).read_text())["all"]["pairs"] == 3
    )


def test_unreadable_images_end_the_run_or_are_left_out(
    pairs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pairs.parent / "images/same.png").write_bytes((pairs.parent / "images/0.png").read_bytes()[:90])
    assert main(COMMAND.split()) == 2
    assert "pairs.csv:4: set/images/same.png: " in capsys.readouterr().err
    assert main([*COMMAND.split(), "--bad_images", "skip"]) == 0
    content = json.loads(next(Path("logs").rglob("metrics.json")).read_text())
    assert content["pairs_left_out"] == 1 and content["kinds"]["copy"]["pairs"] == 0
    assert content["kinds"]["copy"]["share"] is None
    write(pairs, [["better", "worse", "kind", "note"], ROWS[3]])
    assert main([*COMMAND.split(), "--bad_images", "skip"]) == 2
    assert "no pair of which both images can be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("", ["pairs.csv: is empty; the first line must be a header such as 'better,worse,kind'"]),
        ("better,worse,kind\n", ["pairs.csv: holds no pairs"]),
        ("better,worse\na,b\n", ["pairs.csv:1: no column kind"]),
        ("images/0.png,images/1.png,blur\n", ["pairs.csv:1: no column better, worse, kind"]),
        ("better,worse,kind\nimages/0.png,images/1.png\n", ["pairs.csv:2: 2 cells, but the header has 3"]),
        ("better,worse,kind\nimages/0.png,images/1.png,a,b\n", ["pairs.csv:2: 4 cells"]),
        ("better,worse,kind\nimages/0.png,images/1.png,\n", ["pairs.csv:2: the kind is empty"]),
        (
            "better,worse,kind\nimages/0.png,nowhere.png,a\nimages/1.png,./images/1.png,a\n",
            ["pairs.csv:2: no such image 'nowhere.png'", "pairs.csv:3: an image paired with itself"],
        ),
        (
            "better,worse,kind\nimages/0.png,images/1.png,a\nimages/1.png,images/0.png,b\n",
            ["pairs.csv:3: contradicts line 2"],
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_told_by_line(
    pairs: Path, capsys: pytest.CaptureFixture[str], text: str, messages: list[str]
) -> None:
    pairs.write_text(text)
    assert main(COMMAND.split()) == 2
    told = capsys.readouterr().err
    assert all(message in told for message in messages), told


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("--pairs x.csv", "--pairs belongs to -e"),
        ("-e --pairs nowhere.csv", "nowhere.csv: can't be read"),
        ("-e --pairs x.csv --behaviour", "--pairs does not go with --behaviour"),
        ("-e --pairs x.csv --compare a b", "--pairs does not go with --compare"),
    ],
)
def test_flags(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str], argv: str, message: str
) -> None:
    workplace()
    assert main(argv.split()) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_the_interval_is_that_of_the_exact_test(level: float) -> None:
    for pairs in (1, 2, 5, 29, 74, 1000):
        for right in {0, 1, pairs // 3, pairs - 1, pairs}:
            wanted = binomtest(right, pairs).proportion_ci(level, method="exact")
            assert PairAccuracy(right, 0, pairs).interval(level) == pytest.approx(tuple(wanted), abs=1e-9)
    assert np.isnan(PairAccuracy(0, 0, 0).interval()).all()
