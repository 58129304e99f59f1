"""An interrupted run that is continued ends with the weights of a run that was never stopped, bit for bit."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from applications import train
from applications.training import loop
from main import main
from tests import programs
from tests.small_arch import SMALL_ARCH
from utils.checkpoint import load_checkpoint

pytestmark = pytest.mark.usefixtures("without_plots")
# Dropout in the head and random crops: both draw, so a lost random state would show.
RUN = [
    *("--train", "-a", SMALL_ARCH, "--image_size", "48", "48", "--view", "patches", "-g", "0"),
    *("--epochs", "3", "-b", "2", "--warmup", "1", "--schedule", "cosine", "--lr", "1e-3"),
]
FILE = "checkpoint_tests_small.pth"


def weights(folder: str) -> dict[str, torch.Tensor]:
    return load_checkpoint(Path(folder) / FILE)["state_dict"]


def assert_equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert first.keys() == second.keys()
    different = [name for name in first if not torch.equal(first[name], second[name])]
    assert not different


@pytest.fixture(scope="module")
def unbroken() -> Callable[[str], dict[str, Any]]:
    """The last checkpoint of a whole run of a task; its data are the same in every test, so it runs once."""
    done: dict[str, dict[str, Any]] = {}

    def run(task: str) -> dict[str, Any]:
        if task not in done:
            assert main([*RUN, "--criterion", task, "-j", "0", "--checkpoint_dir", "whole"]) == 0
            done[task] = load_checkpoint(Path("whole") / FILE)
        return done[task]

    return run


@pytest.mark.parametrize("task", ["rank", "regress"])
@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize("after", [2, 3, 7])
def test_continue_is_bit_equal(
    task: str,
    workers: str,
    after: int,
    workplace: Callable[..., Path],
    unbroken: Callable[[str], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workplace(task)
    whole = unbroken(task)
    run = [*RUN, "--criterion", task, "-j", workers]
    with monkeypatch.context() as patch:
        patch.setattr(train, "StopSignals", lambda: StopAfter(after))
        assert main([*run, "--checkpoint_dir", "parts"]) == 130
    half = load_checkpoint(Path("parts") / FILE)["train_state"]
    assert half["epoch"] * 3 + half["step"] == after
    assert main(["--train", "--continue", f"parts/{FILE}"]) == 0
    assert_equal(whole["state_dict"], weights("parts"))
    assert whole["train_state"]["best"] == load_checkpoint(Path("parts") / FILE)["train_state"]["best"]


class StopAfter:
    """Asks to stop after a number of training steps, as a signal would."""

    requested = False

    def __init__(self, steps: int) -> None:
        self._left = steps
        self._patch = pytest.MonkeyPatch()

    def __enter__(self) -> "StopAfter":
        step = loop.train_step

        def counted(*arguments: Any) -> Any:
            self._left -= 1
            self.requested = self._left <= 0
            return step(*arguments)

        self._patch.setattr(loop, "train_step", counted)
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.undo()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_returns_130(number: int, workplace: Callable[..., Path]) -> None:
    folder = workplace("rank")
    with programs.start(*RUN, "--epochs", "1000", "-j", "1") as process:
        deadline = time.monotonic() + 120
        best = folder / "checkpoints" / "model_best_tests_small.pth"  # written after a validation
        while not best.is_file() and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--continue" in errors
    assert "Traceback" not in errors
    state = load_checkpoint(folder / "checkpoints" / FILE)["train_state"]
    assert state["epoch"] >= 1


def test_continue_refuses_what_would_change_the_run(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("rank")
    assert main([*RUN, "-j", "0", "--epochs", "1"]) == 0
    capsys.readouterr()
    again = ["--train", "-a", SMALL_ARCH, "--continue"]
    assert main([*again, "--lr", "0.5"]) == 2
    message = capsys.readouterr().err
    assert "--lr 0.5" in message
    assert "0.001" in message
    assert main([*again, "--epochs", "2", "-j", "0"]) == 0
    assert "epoch 2/2" in capsys.readouterr().out
    assert main(["--train", "--continue", "checkpoints/model_best_tests_small.pth"]) == 2
    assert "--resume" in capsys.readouterr().err
