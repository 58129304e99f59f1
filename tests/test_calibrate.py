"""--calibrate: the percentiles are NumPy's, of the scores that an evaluation of the same images gives."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from main import main
from tests.conftest import write_split
from tests.small_arch import SMALL_ARCH
from utils.checkpoint import load_checkpoint

pytestmark = pytest.mark.usefixtures("without_plots")

SMALL = [
    "-a",
    SMALL_ARCH,
    "--image_size",
    "64",
    "64",
    "-j",
    "0",
    "-b",
    "4",
    "--epochs",
    "1",
    "-g",
    "0",
]


def test_percentiles_of_the_view_that_the_file_is_used_with(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = workplace("regress")
    for split in ("val", "test"):
        write_split(folder, split, "regress", 3, 1)
    assert main(["--train", *SMALL, "--criterion", "regress", "--view", "patches", "--patches", "1"]) == 0
    best = ["--resume", "checkpoints/model_best_tests_small.pth", "--patches", "5", "-j", "0"]
    assert main(["--calibrate", *best]) == 0
    spec = load_checkpoint("checkpoints/calibrated_tests_small.pth")["spec"]
    assert spec["patches"] == 5
    kept = load_checkpoint("checkpoints/calibrated_tests_small.pth")["config"]
    assert kept == load_checkpoint("checkpoints/model_best_tests_small.pth")["config"]

    (Path("data/test/label.txt")).write_bytes(Path("data/val/label.txt").read_bytes())
    assert main(["-e", *best]) == 0
    rows = csv.DictReader(next(Path("logs").glob("test_*/predictions.csv")).open(encoding="utf-8"))
    scores = np.array([float(row["score"]) for row in rows])
    np.testing.assert_allclose(
        spec["score_percentiles"], np.percentile(scores, range(101)), rtol=1e-5, atol=1e-6
    )
    capsys.readouterr()
    assert (
        main(
            [
                "--predict",
                "data/val",
                "--resume",
                "checkpoints/calibrated_tests_small.pth",
                "--output",
                "a.jsonl",
            ]
        )
        == 0
    )
    shares = [json.loads(line)["percentile"] for line in Path("a.jsonl").read_text().splitlines()]
    assert min(shares) == pytest.approx(0, abs=0.1) and max(shares) == pytest.approx(100, abs=0.1)


def test_calibrate_needs_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--calibrate"]) == 2
    assert "--calibrate needs --resume FILE" in capsys.readouterr().err
