"""Scores that are finite but beyond any scale; folders that can't be written, found out before any work."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from applications.evaluation.predictions import score_percentiles
from main import main
from rankiqa.spec import ModelSpec
from tests.conftest import lively
from tests.small_arch import SMALL_ARCH
from utils.checkpoint import load_checkpoint, save_checkpoint
from utils.run_log import RunLog

BEST = "checkpoints/model_best_tests_small.pth"
RUN = f"--train -a {SMALL_ARCH} --image_size 64 64 -g 0 -j 0 -b 3 --epochs 1 --warmup 0".split()


@pytest.mark.parametrize("scale", [1e25, 1e30])
def test_training_and_evaluation_survive_scores_of_any_size(
    scale: float, workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("rank")
    network = lively(SMALL_ARCH, 1, (64, 64))
    with torch.no_grad():
        network.classifier[-1].weight *= scale
    spec = ModelSpec(SMALL_ARCH, image_size=(64, 64), criterion="rank")
    save_checkpoint("wild.pth", {"state_dict": network.state_dict(), "spec": spec.to_dict()})
    assert main([*RUN, "--resume", "wild.pth", "--lr", "1e-12", "--wd", "0"]) == 0
    captured = capsys.readouterr()
    assert "the weights have diverged; try a smaller --lr" in captured.out + captured.err
    low, high = load_checkpoint(BEST)["spec"]["score_range"]
    assert np.isfinite([low, high]).all() and max(-low, high) > 1e20
    assert main(["-e", "--resume", BEST, "-g", "0", "-j", "0"]) == 0
    assert main([*RUN, "--resume", "wild.pth", "--find_lr", "3"]) in (0, 2)


def test_a_sane_run_is_not_called_diverged(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("rank")
    assert main([*RUN, "--lr", "1e-9"]) == 0
    assert "diverged" not in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    "values", [[1e20] * 3, [1e25, -1e25], [3e38, -3e38, 0.5], [np.inf, 1.0, np.nan], [np.nan], []]
)
def test_histograms_of_any_values(values: list[float], tmp_path: Path) -> None:
    array = np.array(values, np.float32)
    with RunLog(tmp_path, tensorboard=True) as log:
        log.histogram("scores", array, 1)
    events = EventAccumulator(str(tmp_path), size_guidance={"histograms": 0}).Reload()
    counted = (
        [event.histogram_value.num for event in events.Histograms("scores")]
        if events.Tags()["histograms"]
        else [0]
    )
    assert counted == [np.isfinite(array).sum()]


def test_percentiles_of_the_widest_scores_are_finite() -> None:
    found = score_percentiles(np.array([-3e38, 3e38, np.nan], np.float32))
    np.testing.assert_allclose(found, np.linspace(-3e38, 3e38, 101), rtol=1e-6, atol=1e32)


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/none", "n" * 300])
@pytest.mark.parametrize(
    "command",
    [
        "--train --checkpoint_dir",
        "--train --logdir",
        "--train --folds 3 --checkpoint_dir",
        "--train --find_lr 5 --logdir",
        "--calibrate --resume m.pth --checkpoint_dir",
        "--jit --resume m.pth --checkpoint_dir",
        "--export onnx --resume m.pth --checkpoint_dir",
    ],
)
def test_folders_that_cannot_be_written_are_named_first(
    command: str,
    place: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Neither labels nor m.pth are there: what is said of the folder is said before either is looked for."""
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("kept")
    assert main([*command.split(), place]) == 2
    told = capsys.readouterr().err
    assert f"{command.split()[-1]} {place}: can't be written there" in told
    assert [path.name for path in tmp_path.iterdir()] == ["file"] and Path("file").read_text() == "kept"


def test_folders_that_can_be_written_are_not_made_by_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--train", "--checkpoint_dir", "a/b/c"]) == 2
    assert "label.txt" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
