"""Losses of the training steps, kept on the device until a log line or a checkpoint asks for them.

Reading one number from a GPU waits until it has done all its work. So a step only leaves its
loss here, and one reading for many steps gives the mean, finds the first loss that is not finite, and tells
all processes of the wish to stop.
"""

import math
import time
from typing import NamedTuple

import torch
from torch import Tensor

from applications.training.state import TrainState
from dataloader.datasets import TrainBatch
from dataloader.string_table import StringTable
from utils.distributed import Process, sum_processes
from utils.errors import TrainingError

NAMED = 8  # images in a message


class Reading(NamedTuple):
    """Result of one reading, over all processes.

    Attributes:
        metrics: "loss" (mean over the rows), "lr" and "images_a_second", since the reading before.
        stop: whether the user asked any process to stop.
    """

    metrics: dict[str, float]
    stop: bool


class _Step(NamedTuple):
    number: int  # from 1, in its epoch
    lr: float
    rows: int
    numbers: Tensor  # of the images, on the CPU


class StepLosses:
    """Losses since the last reading.

    Args:
        state: whose `loss_sum` and `rows` each reading moves along.
        process: this one; every process must read after the same steps.
        paths: of the images, by their numbers.
    """

    def __init__(self, state: TrainState, process: Process, paths: StringTable) -> None:
        self._state, self._process, self._paths = state, process, paths
        self._losses: list[Tensor] = []
        self._steps: list[_Step] = []
        self._images, self._since = 0, time.perf_counter()

    def add(self, loss: Tensor, batch: TrainBatch, lr: float) -> None:
        """Keep the loss () of the step that `state` counts as done, without reading it."""
        self._losses.append(loss)
        rows = len(batch.pair_index) if batch.weight else 0
        self._steps.append(_Step(self._state.step, lr, rows, batch.numbers))
        self._images += len(batch.images)

    def read(self, stop: bool) -> Reading:
        """Wait for the device, and for the other processes.

        Args:
            stop: whether the user asked this process to stop.

        Raises:
            TrainingError: the loss of a step is not finite, in any process.
        """
        losses = torch.stack(self._losses).tolist() if self._losses else []
        wild = [float(not math.isfinite(loss)) for loss in losses]
        sums = [
            0.0 if bad else loss * one.rows for loss, one, bad in zip(losses, self._steps, wild, strict=True)
        ]
        rows = [float(one.rows) for one in self._steps]
        # not the sum of the steps: whenever they are read, the epoch's mean shall have the same bits
        totals = sum_processes([float(stop), float(self._images), *sums, *rows, *wild], self._process)
        stops, images, steps = totals[0], totals[1], len(losses)
        sums, rows = totals[2 : 2 + steps], totals[2 + steps : 2 + 2 * steps]
        self._refuse_wild(losses, totals[2 + 2 * steps :])
        for loss_sum, count in zip(sums, rows, strict=True):
            self._state.loss_sum += loss_sum
            self._state.rows += count
        seconds = time.perf_counter() - self._since
        lr = self._steps[-1].lr if steps else math.nan
        metrics = {"loss": sum(sums) / max(sum(rows), 1), "lr": lr, "images_a_second": images / seconds}
        self._losses, self._steps = [], []
        self._images, self._since = 0, time.perf_counter()
        return Reading(metrics, stops > 0)

    def _refuse_wild(self, losses: list[float], wild: list[float]) -> None:
        """Raise for the first step that is `wild` in any process."""
        first = next((index for index, count in enumerate(wild) if count), None)
        if first is None:
            return
        step, loss = self._steps[first], losses[first]
        what, images = "in another process", ""
        if not math.isfinite(loss):
            names = [self._paths[number] for number in step.numbers.tolist()]
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            what, images = f"({loss:g})", f", images {', '.join(names[:NAMED])}{more}"
        raise TrainingError(
            f"the loss is not finite {what} in step {step.number} of epoch {self._state.epoch + 1}, "
            f"learning rate {step.lr:g}{images}; the last checkpoint is kept; "
            "try a smaller --lr or --clip_grad"
        )
