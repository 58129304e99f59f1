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
from utils.distributed import any_process
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
    meter = _Meter(state, job.process.device)
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
    if not len(batch.places):
        if job.process.world > 1:
            raise TrainingError(
                "no picture of a whole batch can be read; check them by utils/check_images.py"
            )
        return torch.zeros((), device=job.process.device)
    device = job.process.device
    images = batch.images.to(device, non_blocking=True)
    places = batch.places.to(device, non_blocking=True)
    targets = batch.targets.to(device, non_blocking=True)
    job.optimizer.zero_grad(set_to_none=True)
    loss = job.criterion(job.network(job.normalise(to_unit(images))), places, targets)
    (loss * batch.weight).backward()
    job.optimizer.step()
    return loss.detach()


class _Meter:
    """The mean loss of the epoch, weighted by rows, and the speed since the last reading."""

    def __init__(self, state: TrainState, device: str) -> None:
        self._state = state
        self._loss = torch.zeros((), device=device, dtype=torch.float64)
        self._rows, self._images, self._since = 0.0, 0, time.perf_counter()

    def add(self, loss: Tensor, batch: TrainBatch) -> None:
        rows = len(batch.places) if batch.weight else 0
        self._loss += loss * rows
        self._rows += rows
        self._images += len(batch.images)

    def read(self, lr: float) -> dict[str, float]:
        """Move what was gathered into the state. This is the one place that waits for the device."""
        loss_sum = self._loss.item()
        if not math.isfinite(loss_sum):
            state = self._state
            raise TrainingError(
                f"the loss is not finite around step {state.step} of epoch {state.epoch + 1}, "
                f"learning rate {lr:g}; the last checkpoint is kept; try a smaller --lr"
            )
        self._state.loss_sum += loss_sum
        self._state.rows += self._rows
        seconds = time.perf_counter() - self._since
        recent = {"loss": loss_sum / max(self._rows, 1), "lr": lr, "images_a_second": self._images / seconds}
        self._loss.zero_()
        self._rows, self._images, self._since = 0.0, 0, time.perf_counter()
        return recent
