"""The training loop: learning rate, forward, backward, step, log, in this order."""

import logging
import math
import time

import torch
from torch import Tensor

from applications.job import Job
from applications.train_state import TrainState
from dataloader.datasets import TrainBatch
from models.normalise import to_unit
from utils.distributed import Process, any_process, sum_processes
from utils.errors import ImageError, TrainingError
from utils.progress import progress_bar


def train_epoch(job: Job, state: TrainState) -> bool:
    """Train from `state.step` to the end of `state.epoch`, moving `state` along.

    Returns:
        False when the user stopped the run in the middle.

    Raises:
        ImageError: a picture can't be read.
        TrainingError: the loss is not finite.
    """
    job.batches.set_position(state.epoch, state.step)
    meter = _Meter(state, job.process)
    steps = len(job.batches)
    title = f"epoch {state.epoch + 1}"
    with progress_bar(total=steps, desc=title, unit="step", start=state.step) as bar:
        for batch in job.loader:
            lr = _set_lr(job, state.epoch + state.step / steps)
            loss = _step(job, batch)
            meter.add(loss, batch)
            state.step += 1
            bar.update()
            if state.step % job.print_freq == 0 or state.step == steps:
                figures = meter.read(lr)
                bar.set_postfix(loss=f"{figures['loss']:.4f}", lr=f"{lr:.1e}")
                job.log(state.epoch * steps + state.step, figures)
            if any_process(job.stopped(), job.process):
                meter.read(lr)
                return False
    return True


def _set_lr(job: Job, progress: float) -> float:
    lr = job.lr(progress)
    for group in job.optimizer.param_groups:
        group["lr"] = lr
    return lr


def _step(job: Job, batch: TrainBatch) -> Tensor:
    """One optimiser step; the loss stays on the device."""
    if batch.faults and not job.skip_bad:
        raise ImageError(batch.faults[0])
    for fault in batch.faults:
        logging.warning("skipped %s", fault)
    device, weight = job.process.device, _weight(job, batch)
    if not len(batch.places):
        if job.process.world == 1:
            return torch.zeros((), device=device)
        batch = _placeholder(batch)
    images = batch.images.to(device, non_blocking=True)
    places = batch.places.to(device, non_blocking=True)
    targets = batch.targets.to(device, non_blocking=True)
    job.optimizer.zero_grad(set_to_none=True)
    loss = job.criterion(job.network(job.normalise(to_unit(images))), places, targets)
    (loss * weight).backward()
    job.optimizer.step()
    return loss.detach()


def _weight(job: Job, batch: TrainBatch) -> float:
    """The share of this process in the joint mean; with rows left out it depends on what all could read."""
    if not job.skip_bad or job.process.world == 1:
        return batch.weight
    rows = len(batch.places) if batch.weight else 0
    total = sum_processes([float(rows)], job.process)[0]
    return rows * job.process.world / max(total, 1.0)


def _placeholder(batch: TrainBatch) -> TrainBatch:
    """A black picture against itself: a process without a readable row must take part, with weight 0."""
    ends = batch.places.shape[1]
    targets = torch.ones(1, *batch.targets.shape[1:])
    return batch._replace(
        images=batch.images.new_zeros(2, *batch.images.shape[1:]),
        places=torch.zeros(1, ends, dtype=torch.int64),
        targets=targets,
        weight=0.0,
    )


class _Meter:
    """The mean loss over all processes, weighted by rows, and the speed since the last reading."""

    def __init__(self, state: TrainState, process: Process) -> None:
        self._state, self._process = state, process
        self._loss = torch.zeros((), device=process.device, dtype=torch.float64)
        self._rows, self._images, self._since = 0.0, 0, time.perf_counter()

    def add(self, loss: Tensor, batch: TrainBatch) -> None:
        rows = len(batch.places) if batch.weight else 0
        self._loss += loss * rows
        self._rows += rows
        self._images += len(batch.images)

    def read(self, lr: float) -> dict[str, float]:
        """Move what was gathered into the state. This is the one place that waits for the device."""
        own = [self._loss.item(), self._rows, float(self._images)]
        loss_sum, rows, images = sum_processes(own, self._process)
        if not math.isfinite(loss_sum):
            state = self._state
            raise TrainingError(
                f"the loss is not finite around step {state.step} of epoch {state.epoch + 1}, "
                f"learning rate {lr:g}; the last checkpoint is kept; try a smaller --lr"
            )
        self._state.loss_sum += loss_sum
        self._state.rows += rows
        seconds = time.perf_counter() - self._since
        recent = {"loss": loss_sum / max(rows, 1), "lr": lr, "images_a_second": images / seconds}
        self._loss.zero_()
        self._rows, self._images, self._since = 0.0, 0, time.perf_counter()
        return recent
