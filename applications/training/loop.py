"""The training loop: learning rate, forward, backward, clip, step, log, in this order."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.profiler import record_function

from applications.training.components import Components
from applications.training.row_weights import mean_over_read_rows, weigh
from applications.training.state import TrainState
from applications.training.step_losses import StepLosses
from dataloader.datasets import TrainBatch
from models.reasons import split_outputs
from models.scales import split_scales
from rankiqa.terminal.progress import progress_bar
from utils.errors import ImageError


def train_epoch(components: Components, state: TrainState, save: Callable[[], None]) -> bool:
    """Train from `state.step` to the end of `state.epoch`, moving `state` along.

    Between two log lines nothing is read from the device (see `StepLosses`); an epoch ends, and `save` is
    called, only after a reading that found all losses finite.

    Args:
        components: of the run.
        state: where it stands.
        save: called between two steps, every `components.save_every` of them.

    Returns:
        False when the user stopped the run in the middle: one process after the update in progress, several
        after the one that follows the next reading.

    Raises:
        ImageError: an image can't be read.
        TrainingError: the loss is not finite.
    """
    components.batches.set_position(state.epoch, state.step)
    losses = StepLosses(state, components.process, components.paths)
    steps, stop = len(components.batches), False
    with progress_bar(total=steps, desc=f"epoch {state.epoch + 1}", unit="step", start=state.step) as bar:
        for batch in _read(components):
            lr = _set_lr(components, state.epoch + state.step / steps)
            last = (state.step + 1) % components.accumulate == 0 or state.step + 1 == steps
            loss = train_step(components, batch, state.step, last)
            state.step += 1
            losses.add(loss, batch, lr)
            bar.update()
            components.profile.step()
            log = _due(components.print_freq, state.step) or state.step == steps
            keep = _due(components.save_every, state.step) and state.step < steps
            end = last and (stop or (components.process.world_size == 1 and components.stopped()))
            if not (log or keep or end):
                continue
            metrics, stop = losses.read(components.stopped())
            if log:
                bar.set_postfix(loss=f"{metrics['loss']:.4f}", lr=f"{lr:.1e}")
                components.log(state.epoch * steps + state.step, metrics)
            if stop and last:
                return False
            if keep:
                save()
    components.profile.close()
    return True


def train_step(components: Components, batch: TrainBatch, number: int, last: bool) -> Tensor:
    """Forward and backward of one batch; clip and step if it is the last of an update.

    Args:
        components: of the run.
        batch: of this process.
        number: of the step in its epoch, from 0.
        last: whether it ends the update, for which the gradients of `components.accumulate` steps are added.

    Returns:
        The loss (), on the device.

    Raises:
        ImageError: an image can't be read.
    """
    _tell_unread(batch, components.skip_bad)
    if number % components.accumulate == 0:
        components.optimizer.zero_grad(set_to_none=True)
        components.rows_read.count = 0.0
    batch, weight = weigh(components, batch, number)
    if len(batch.pair_index):
        with _exchange(components, last):
            loss = _forward(components, batch)
            with record_function("backward"):
                components.precision.scaler.scale(loss * weight).backward()
    else:
        loss = torch.zeros((), device=components.process.device)
    # no gradient: no row of the update had images that could be read
    if last and (gradients := _gradients(components)):
        with record_function("optimizer"):
            mean_over_read_rows(components, gradients, number)
            _clip(components)
            _step(components)
    return loss.detach()


def _tell_unread(batch: TrainBatch, skip: bool) -> None:
    if batch.errors and not skip:
        raise ImageError(batch.errors[0])
    for error in batch.errors:
        logging.warning("skipped %s", error)


def _exchange(components: Components, last: bool) -> AbstractContextManager[None]:
    """Processes need not tell each other of gradients that are only added up."""
    alone = not last and components.process.world_size > 1
    return components.network.no_sync() if alone else nullcontext()  # type: ignore[operator]


def _forward(components: Components, batch: TrainBatch) -> Tensor:
    device = components.process.device
    images = batch.images.to(device, non_blocking=True)
    pair_index = batch.pair_index.to(device, non_blocking=True)
    targets = batch.targets.to(device, non_blocking=True)
    with record_function("forward"):
        with components.precision.cast():
            outputs = components.network(components.inputs.normalise(images))
        outputs, on_scales = split_scales(outputs.float(), components.sets)
        if components.reasons is None:
            return components.criterion(on_scales if components.sets else outputs, pair_index, targets)
        logits, second = split_outputs(outputs, components.num_classes)
        loss = components.criterion(on_scales if components.sets else logits, pair_index, targets)
        return loss + components.reasons.loss(second, batch.numbers)


def _gradients(components: Components) -> list[Tensor]:
    return [parameter.grad for parameter in _parameters(components) if parameter.grad is not None]


def _clip(components: Components) -> None:
    if components.clip_grad is not None:
        components.precision.scaler.unscale_(components.optimizer)
        torch.nn.utils.clip_grad_norm_(_parameters(components), components.clip_grad)


def _parameters(components: Components) -> list[nn.Parameter]:
    return [parameter for group in components.optimizer.param_groups for parameter in group["params"]]


def _step(components: Components) -> None:
    components.precision.scaler.step(components.optimizer)
    components.precision.scaler.update()
    components.averages.after_update()


def _read(components: Components) -> Iterator[TrainBatch]:
    batches = iter(components.loader)
    while (batch := _next_batch(batches)) is not None:
        yield batch


def _next_batch(batches: Iterator[TrainBatch]) -> TrainBatch | None:
    with record_function("data"):
        return next(batches, None)


def _due(every: int, step: int) -> bool:
    """Whether something that happens every so many steps happens after `step`; 0: never."""
    return every > 0 and step % every == 0


def _set_lr(components: Components, progress: float) -> float:
    lr = components.lr(progress)
    for group in components.optimizer.param_groups:
        group["lr"] = lr
    return lr
