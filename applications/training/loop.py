"""The training loop: learning rate, forward, backward, step, log, in this order."""

import logging
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import torch
from torch import Tensor
from torch.profiler import record_function

from applications.training.components import Job
from applications.training.state import TrainState
from applications.training.step_losses import StepLosses
from dataloader.datasets import TrainBatch
from models.normalise import to_unit
from utils.distributed import sum_processes
from utils.errors import ImageError
from utils.progress import progress_bar


def train_epoch(job: Job, state: TrainState, save: Callable[[], None]) -> bool:
    """Train from `state.step` to the end of `state.epoch`, moving `state` along.

    Between two log lines nothing is read from the device (see `applications.training.step_losses`); an epoch ends, and
    `save` is called, only after a reading that found all losses finite.

    Args:
        job: the parts of the run.
        state: where it stands.
        save: called between two steps, every `job.save_every` of them.

    Returns:
        False when the user stopped the run in the middle: one process after the update in progress, several
        after the one that follows the next reading.

    Raises:
        ImageError: an image can't be read.
        TrainingError: the loss is not finite.
    """
    job.batches.set_position(state.epoch, state.step)
    losses = StepLosses(state, job.process, job.paths)
    steps, stop = len(job.batches), False
    with progress_bar(total=steps, desc=f"epoch {state.epoch + 1}", unit="step", start=state.step) as bar:
        for batch in _read(job):
            lr = _set_lr(job, state.epoch + state.step / steps)
            last = (state.step + 1) % job.accumulate == 0 or state.step + 1 == steps
            loss = train_step(job, batch, state.step, last)
            state.step += 1
            losses.add(loss, batch, lr)
            bar.update()
            job.profile.step()
            log = state.step % job.print_freq == 0 or state.step == steps
            keep = job.save_every > 0 and state.step % job.save_every == 0 and state.step < steps
            end = last and (stop or (job.process.world == 1 and job.stopped()))
            if not (log or keep or end):
                continue
            metrics, stop = losses.read(job.stopped())
            if log:
                bar.set_postfix(loss=f"{metrics['loss']:.4f}", lr=f"{lr:.1e}")
                job.log(state.epoch * steps + state.step, metrics)
            if stop and last:
                return False
            if keep:
                save()
    job.profile.close()
    return True


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
        with job.precision.cast():
            logits = job.network(job.normalise(to_unit(images)))
        loss = job.criterion(logits.float(), places, targets)
    with record_function("backward"):
        job.precision.scaler.scale(loss * (weight * share)).backward()
    return loss.detach()


def _update(job: Job, number: int) -> None:
    parameters = [parameter for group in job.optimizer.param_groups for parameter in group["params"]]
    if all(parameter.grad is None for parameter in parameters):
        return  # of none of the rows the images could be read
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
    """A black image against itself: a process without a readable row must take part, with weight 0."""
    ends = batch.places.shape[1]
    targets = torch.ones(1, *batch.targets.shape[1:])
    return batch._replace(
        images=batch.images.new_zeros(2, *batch.images.shape[1:]),
        places=torch.zeros(1, ends, dtype=torch.int64),
        targets=targets,
        weight=0.0,
    )


def _read(job: Job) -> Iterator[TrainBatch]:
    batches = iter(job.loader)
    while (batch := _next_batch(batches)) is not None:
        yield batch


def _next_batch(batches: Iterator[TrainBatch]) -> TrainBatch | None:
    with record_function("data"):
        return next(batches, None)


def _set_lr(job: Job, progress: float) -> float:
    lr = job.lr(progress)
    for group in job.optimizer.param_groups:
        group["lr"] = lr
    return lr
