"""The training loop: learning rate, forward, backward, step, log, in this order."""

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import torch
from torch import Tensor
from torch.profiler import record_function

from applications.job import Job
from applications.train_state import TrainState
from dataloader.datasets import TrainBatch
from models.normalise import to_unit
from utils.distributed import Process, sum_processes
from utils.errors import ImageError, TrainingError
from utils.progress import progress_bar

NAMED = 8  # pictures in a message


def train_epoch(job: Job, state: TrainState, save: Callable[[], None]) -> bool:
    """Train from `state.step` to the end of `state.epoch`, moving `state` along.

    Args:
        job: the parts of the run.
        state: where it stands.
        save: called between two steps, every `job.save_every` of them.

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
        for batch in _read(job):
            lr = _set_lr(job, state.epoch + state.step / steps)
            last = (state.step + 1) % job.accumulate == 0 or state.step + 1 == steps
            loss = train_step(job, batch, state.step, last)
            meter.add(loss, batch)
            state.step += 1
            stopped = _verdict(job, state, batch, loss, lr)
            bar.update()
            job.profile.step()
            if state.step % job.print_freq == 0 or state.step == steps:
                figures = meter.read(lr)
                bar.set_postfix(loss=f"{figures['loss']:.4f}", lr=f"{lr:.1e}")
                job.log(state.epoch * steps + state.step, figures)
            if stopped and last:
                meter.read(lr)
                return False
            if job.save_every and state.step % job.save_every == 0 and state.step < steps:
                meter.read(lr)
                save()
    job.profile.close()
    return True


def _read(job: Job) -> Iterator[TrainBatch]:
    batches = iter(job.loader)
    while True:
        with record_function("data"):
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


def _set_lr(job: Job, progress: float) -> float:
    lr = job.lr(progress)
    for group in job.optimizer.param_groups:
        group["lr"] = lr
    return lr


def _verdict(job: Job, state: TrainState, batch: TrainBatch, loss: Tensor, lr: float) -> bool:
    """Whether the user asked to stop; raises, in every process, when the loss of any is not finite."""
    wild = not math.isfinite(loss)
    stops, wilds = sum_processes([float(job.stopped()), float(wild)], job.process)
    if not wilds:
        return stops > 0
    names = [job.paths[number] for number in batch.numbers.tolist()]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    pictures = f", pictures {', '.join(names[:NAMED])}{more}" if wild else " in another process"
    raise TrainingError(
        f"the loss is not finite ({float(loss):g}) in step {state.step} of epoch {state.epoch + 1}, "
        f"learning rate {lr:g}{pictures}; the last checkpoint is kept; try a smaller --lr or --clip_grad"
    )


def train_step(job: Job, batch: TrainBatch, number: int, last: bool) -> Tensor:
    """One batch, and an update of the weights if it is the last of those that are added up."""
    if number % job.accumulate == 0:
        job.optimizer.zero_grad(set_to_none=True)
        job.rows_read.count = 0.0
    # Processes need not tell each other of gradients that are only added up.
    alone = not last and job.process.world > 1
    with job.network.no_sync() if alone else nullcontext():  # type: ignore[operator]
        loss = _backward(job, batch, number)
    if last:
        with record_function("optimizer"):
            _update(job, number)
    return loss


def _update(job: Job, number: int) -> None:
    parameters = [parameter for group in job.optimizer.param_groups for parameter in group["params"]]
    if all(parameter.grad is None for parameter in parameters):
        return  # of none of the rows the pictures could be read
    scaler = job.precision.scaler
    planned = job.batches.rows(number, job.accumulate)
    if job.accumulate > 1 and job.rows_read.count < planned:  # the mean is over the rows that were read
        for gradient in (parameter.grad for parameter in parameters if parameter.grad is not None):
            gradient.mul_(planned / max(job.rows_read.count, 1.0))
    if job.clip_grad is not None:
        scaler.unscale_(job.optimizer)
        torch.nn.utils.clip_grad_norm_(parameters, job.clip_grad)
    scaler.step(job.optimizer)
    scaler.update()
    job.averages.after_update()


def _backward(job: Job, batch: TrainBatch, number: int) -> Tensor:
    """Add the gradient of a batch, weighed by its share of the rows of the update; its loss."""
    if batch.faults and not job.skip_bad:
        raise ImageError(batch.faults[0])
    for fault in batch.faults:
        logging.warning("skipped %s", fault)
    device = job.process.device
    weight, rows = _weight(job, batch, number)
    job.rows_read.count += rows
    share = rows / job.batches.rows(number, job.accumulate) if job.accumulate > 1 else 1.0
    if not len(batch.places):
        if job.process.world == 1:
            return torch.zeros((), device=device)
        batch = _placeholder(batch)
    images = batch.images.to(device, non_blocking=True)
    places = batch.places.to(device, non_blocking=True)
    targets = batch.targets.to(device, non_blocking=True)
    with record_function("forward"):
        loss = _loss(job, job.normalise(to_unit(images)), places, targets)
    with record_function("backward"):
        job.precision.scaler.scale(loss * (weight * share)).backward()
    return loss.detach()


def _loss(job: Job, inputs: Tensor, places: Tensor, targets: Tensor) -> Tensor:
    with job.precision.cast():
        logits = job.network(inputs)
    return job.criterion(logits.float(), places, targets)


def _weight(job: Job, batch: TrainBatch, number: int) -> tuple[float, float]:
    """(share of this process in the joint mean, rows of all); with rows left out both depend on all."""
    if not job.skip_bad:
        return batch.weight, job.batches.rows(number)
    rows = float(len(batch.places) if batch.weight else 0)
    if job.process.world == 1:
        return batch.weight, rows
    total = sum_processes([rows], job.process)[0]
    return rows * job.process.world / max(total, 1.0), total


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
        self._state.loss_sum += loss_sum
        self._state.rows += rows
        seconds = time.perf_counter() - self._since
        recent = {"loss": loss_sum / max(rows, 1), "lr": lr, "images_a_second": images / seconds}
        self._loss.zero_()
        self._rows, self._images, self._since = 0.0, 0, time.perf_counter()
        return recent
