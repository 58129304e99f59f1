"""`--train --learning_curve`: a share of the rows gives what a run on them gives; gains are told if sure."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from applications import learning_curve
from applications.learning_curve import Point, outlook
from main import main
from tests.conftest import lively
from tests.small_arch import SMALL_ARCH
from tests.test_frozen_features import FEATURES, RUN

pytestmark = pytest.mark.usefixtures("without_plots")


def agreement(folder: str) -> float:
    """Of the latest weights with DATA/val, as the run's own validation says."""
    (log,) = Path(folder).glob("train_*/metrics.json")
    return float(json.loads(log.read_text(encoding="utf-8"))["figures"]["pair_accuracy"])


def test_a_share_of_the_rows_is_a_run_on_them(
    workplace: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("rank")
    monkeypatch.setattr(learning_curve, "SHARES", (0.5,))
    monkeypatch.setattr(learning_curve, "HALF", -2)
    monkeypatch.setattr(learning_curve, "DRAWS", 1)
    torch.save(lively(SMALL_ARCH, 1, (48, 48)).state_dict(), "plain.pth")
    Path("data/test/label.txt").unlink()
    command = [*RUN, "--criterion", "rank", *FEATURES, "--epochs", "1"]
    curve = [*command, "--learning_curve", "--logdir", "logs/curve"]
    assert main(curve) == 0
    assert "held-out pairs" in capsys.readouterr().out
    with Path("checkpoints/learning_curve.csv").open(encoding="utf-8", newline="") as file:
        zero, half, whole = [
            {key: float(value) for key, value in row.items()} for row in csv.DictReader(file)
        ]
    assert Path("checkpoints/learning_curve.png").read_bytes()[:4] == b"\x89PNG"
    assert not list(Path("checkpoints").glob("curve_*"))
    rows = Path("data/train/label.txt").read_text().splitlines(keepends=True)
    assert [zero["pairs"], half["pairs"], whole["pairs"]] == [0, round(len(rows) / 2), len(rows)]
    assert whole["agreement"] == pytest.approx(agreement("logs/curve"))
    order = np.random.default_rng([0, 0]).permutation(len(rows))[: int(half["pairs"])]
    Path("data/train/label.txt").write_text("".join(rows[place] for place in sorted(order)))
    assert main([*command, "--checkpoint_dir", "half", "--logdir", "logs/half"]) == 0
    assert half["agreement"] == pytest.approx(agreement("logs/half"))
    for point in (zero, half, whole):
        assert 0 <= point["low"] <= point["agreement"] <= point["high"] <= 1


def test_a_gain_is_foretold_only_where_there_surely_was_one() -> None:
    points = [
        Point(rows, np.full(40, share)) for rows, share in ((50, 0.5), (100, 0.6), (150, 0.7), (200, 0.8))
    ]
    # 40 of 240 pairs are held out, so 83 of 100 answers are learned from: 0.2 * log2(1 + 83.3 / 200)
    assert outlook(points, (0.1, 0.3)).startswith(
        "from 100 to 200 pairs: +20% [+10%, +30%]; another 100 answers"
    )
    assert "would bring about +10% if" in outlook(points, (0.1, 0.3))
    assert "40 held-out pairs do not tell" in outlook(points, (0.0, 0.3))
    assert "do not tell" in outlook(points, (np.nan, np.nan))


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--criterion", "regress", *FEATURES], "needs --criterion rank and --cache features"),
        (["--criterion", "rank"], "needs --criterion rank and --cache features"),
        (["--criterion", "rank", *FEATURES, "--folds", "3"], "one at a time"),
    ],
)
def test_wrong_flags(flags: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, "--learning_curve", *flags]) == 2
    assert said in capsys.readouterr().err
