"""Between two log lines training reads nothing from the device; what is read then misses nothing.

Without a GPU a read shows as the operator behind `.item()`, `float(tensor)`, `if tensor:` and the like, or as
a call of `.cpu()`, `.numpy()` or `.tolist()`; here they are counted while the program trains.
"""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from applications import train
from applications.training import loop
from applications.training.step_losses import StepLosses
from main import main
from tests.small_arch import SMALL_ARCH
from tests.test_continue import StopAfter
from utils.checkpoint import load_checkpoint

RUN = [
    *("--train", "-a", SMALL_ARCH, "--image_size", "32", "32", "-b", "3", "-j", "1"),
    *("--gpus", "0", "--warmup", "0", "--epochs", "1"),
]
FILE = "checkpoint_tests_small.pth"
READS = {"aten::_local_scalar_dense", "aten::is_nonzero", "aten::nonzero", "aten::equal"}
COPIES = (
    torch.Tensor.cpu,
    torch.Tensor.numpy,
    torch.Tensor.tolist,
)  # no operator where the CPU is the device


class Calls(TorchFunctionMode):
    """Notes copies that on a GPU would go to the CPU."""

    def __init__(self, notes: list[str]) -> None:
        super().__init__()
        self._notes = notes

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in COPIES:
            self._notes.append(func.__name__)
        return func(*args, **(kwargs or {}))


class Events(TorchDispatchMode):
    """Notes what the main thread reads from tensors, in order, among the steps that others note."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func._schema.name in READS:
            self.notes.append(func._schema.name)
        return func(*args, **(kwargs or {}))

    def between_steps(self) -> list[str]:
        """The reads after a step and before the next one, where no reading lies between the two."""
        found: list[str] = []
        waiting: list[str] | None = None
        for note in self.notes:
            if note == "step":
                found += waiting or []
                waiting = []
            elif note == "reading":
                waiting = None
            elif waiting is not None:
                waiting.append(note)
        return found


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Events:
    events = Events()
    add, read = StepLosses.add, StepLosses.read

    def noted_add(*given: Any) -> None:
        events.notes.append("step")
        add(*given)

    def noted_read(*given: Any) -> Any:
        events.notes.append("reading")
        return read(*given)

    monkeypatch.setattr(StepLosses, "add", noted_add)
    monkeypatch.setattr(StepLosses, "read", noted_read)
    return events


@pytest.mark.parametrize(
    "flags",
    [
        ["--criterion", "rank"],
        ["--criterion", "rank", "--rank_activation", "sigmoid", "--margin", "0.5", "--accumulate", "2"],
        ["--criterion", "emd", "--num_classes", "5", "--clip_grad", "1", "--bad_images", "skip"],
        ["--criterion", "regress", "--rank_weight", "0.5", "--ema", "0.9"],
        ["--criterion", "regress", "--amp", "bf16", "--clip_grad", "1", "--ema", "0.9"],
    ],
    ids=" ".join,
)
def test_nothing_is_read_between_two_log_lines(
    flags: list[str], events: Events, workplace: Callable[..., Path]
) -> None:
    workplace(flags[1], 8)  # 24 rows
    with Calls(events.notes), events:
        # sgd: torch's Adam reads its own count of steps, which lies on the CPU whatever the device
        assert main([*RUN, *flags, "--optimizer", "sgd", "--print_freq", "3"]) == 0
    assert events.notes.count("step") == 8
    assert events.notes.count("reading") == 3  # after 3, 6, and at the end of the epoch
    assert events.between_steps() == []


def test_the_count_finds_a_read(
    events: Events, workplace: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    workplace("regress", 8)
    step = loop.train_step

    def reading_step(*given: Any) -> torch.Tensor:
        loss = step(*given)
        assert math.isfinite(loss)
        return loss

    monkeypatch.setattr(loop, "train_step", reading_step)
    with Calls(events.notes), events:
        assert main([*RUN, "--criterion", "regress", "--optimizer", "sgd", "--print_freq", "4"]) == 0
    assert len(events.between_steps()) == 6  # of the 8 steps, two come after a reading


class LossAt:
    """Makes the loss of one step what it should not be; notes the images of that step."""

    def __init__(self, number: int, value: float) -> None:
        self.number, self.value, self.images = number, value, []  # type: ignore[var-annotated]
        self._step, self._done = loop.train_step, 0

    def __call__(self, job: Any, batch: Any, *given: Any) -> torch.Tensor:
        loss = self._step(job, batch, *given)
        self._done += 1
        if self._done < self.number:
            return loss
        if self._done == self.number:
            self.images = [job.paths[number] for number in batch.numbers.tolist()]
        return loss * self.value


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("read_by", [["--print_freq", "5"], ["--print_freq", "50", "--save_every", "6"], []])
def test_the_first_loss_that_is_not_finite_is_named_later(
    value: float,
    read_by: list[str],
    workplace: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    workplace("regress", 8)
    broken = LossAt(8 + 4, value)  # in the second epoch
    monkeypatch.setattr(loop, "train_step", broken)
    run = [*RUN, "-j", "0", "--criterion", "regress", "--schedule", "cosine", "--lr", "0.001"]
    assert main([*run, "--epochs", "2", *read_by]) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert f"({value:g}) in step 4 of epoch 2, " in message
    done = (8 + 3) / 8 / 2  # of the two epochs, before the step
    rate = float(re.search(r"learning rate ([\d.e-]+),", message)[1])  # type: ignore[index]
    assert rate == pytest.approx(0.001 * 0.5 * (1 + math.cos(math.pi * done)), rel=1e-4)
    assert f"images {', '.join(broken.images)};" in message
    # the weights of the first epoch's end, before which all losses were finite
    state = load_checkpoint(Path("checkpoints") / FILE)
    assert (state["train_state"]["epoch"], state["train_state"]["step"]) == (1, 0)
    assert all(value.isfinite().all() for value in state["state_dict"].values())


def test_a_stop_reads_before_it_saves(
    workplace: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("regress", 8)
    monkeypatch.setattr(loop, "train_step", LossAt(2, math.nan))
    monkeypatch.setattr(train, "StopSignals", lambda: StopAfter(4))
    assert main([*RUN, "-j", "0", "--criterion", "regress"]) == 2
    assert "in step 2 of epoch 1" in capsys.readouterr().err
    assert not (Path("checkpoints") / FILE).exists()


def test_when_losses_are_read_changes_no_bit_of_the_mean(workplace: Callable[..., Path]) -> None:
    workplace("regress", 8)
    means = []
    for frequency in ("1", "3", "50"):
        run = [*RUN, "-j", "0", "--criterion", "regress", "--print_freq", frequency]
        assert main([*run, "--logdir", frequency]) == 0
        [line] = next(Path(frequency).glob("*/metrics.jsonl")).read_text(encoding="utf-8").splitlines()
        means.append(re.search(r'"train_loss": ([\d.e-]+)', line)[1])  # type: ignore[index]
    assert len(set(means)) == 1
