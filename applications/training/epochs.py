"""The epochs of a run: train, validate, save, until all are done or the user stops."""

import logging
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from applications.setup.continuing import flags_of
from applications.setup.second_head import learns_reasons_alone
from applications.training.advice import on_epoch
from applications.training.components import Components, freeze
from applications.training.loop import train_epoch
from applications.training.state import CheckpointWriter, TrainState
from applications.training.validation import Validator
from config import Config
from metrics.task import best_key
from rankiqa.terminal.signals import StopRequested
from utils.distributed import sum_processes, sync_buffers, wrap
from utils.run_log import RunLog


def train_epochs(
    config: Config,
    components: Components,
    network: nn.Module,
    validator: Validator,
    state: TrainState,
    log: RunLog,
) -> int:
    """Train from `state` on, in every process.

    Args:
        config: of the run.
        components: of the run.
        network: not wrapped, on its device.
        validator: called after every epoch.
        state: where the run stands.
        log: of the run.

    Returns:
        0 when all epochs are done, 130 when the user stopped the run, which is saved then.
    """
    run = _Run(config, components, network, validator, state, log)
    if "TORCHELASTIC_RUN_ID" in os.environ and not (state.epoch or state.step):
        # what a restart continues from, be it after the first step: never the file of an earlier run
        run.save()
    while run.state.epoch < config.epochs:
        began = time.perf_counter()
        run.prepare()
        if not run.train():
            logging.warning("stopped in epoch %d and saved; continue with --continue", run.state.epoch + 1)
            return 130
        try:
            averaged, validated = run.validate()
        except StopRequested:
            logging.warning(
                "stopped in the validation of epoch %d; continue with --continue", run.state.epoch + 1
            )
            return 130
        run.finish_epoch(averaged, validated, began)
        if run.state.epoch < config.epochs and _stopped(components):
            logging.warning("stopped after epoch %d and saved; continue with --continue", run.state.epoch)
            return 130
    if components.process.is_main:
        logging.info("all %d epochs are done", config.epochs)
        logging.info("best weights: %s", run.writer.path("model_best", validator.spec.arch))
        logging.info("log and TensorBoard events: %s", log.folder)
    return 0


class _Run:
    """What the parts of an epoch share; see `train_epochs`."""

    def __init__(
        self,
        config: Config,
        components: Components,
        network: nn.Module,
        validator: Validator,
        state: TrainState,
        log: RunLog,
    ) -> None:
        self._config, self._components, self._network = config, components, network
        self._validator, self._log, self.state = validator, log, state
        self.writer = CheckpointWriter(
            config.checkpoint_dir, flags_of(config), components.process.is_main, state.run_folder
        )
        self.state.world_size = components.process.world_size

    def prepare(self) -> None:
        """Freeze and wrap the network as the epoch in progress asks."""
        config, components, epoch = self._config, self._components, self.state.epoch
        freeze(self._network, epoch < config.freeze_backbone, config.reasons and config.resume is not None)
        part = components.inputs.part(self._network)
        # What learns has changed, and a wrapper holds on to the parameters that it was made for.
        if components.network is part or epoch == config.freeze_backbone:
            wrapped = wrap(part, components.process, config.sync_bn)
            ready = torch.compile(wrapped) if config.compile else wrapped
            self._components = replace(components, network=ready)  # type: ignore[arg-type]

    def train(self) -> bool:
        """Do the steps that are left of the epoch, and save; False when the user stopped the run in them."""
        if not self.state.trained:
            self.state.trained = train_epoch(self._components, self.state, self.save)
            self.save()  # a run that is stopped or killed in validation begins with that when it is continued
        return self.state.trained

    def save(self) -> None:
        """Write the checkpoint; every process must call."""
        sync_buffers(self._network, self._components.process)
        self.writer.latest(self._network, self._validator.spec, self._components, self.state)

    def validate(self) -> tuple[nn.Module, dict[str, float]]:
        """The averaged network and its validation metrics.

        Raises:
            StopRequested: the user asked any process to stop.
        """
        components, epoch = self._components, self.state.epoch
        components.averages.after_epoch(epoch, _inputs(components, epoch), components.inputs.part)
        averaged = components.averages.averaged_model
        sync_buffers(averaged, components.process)
        return averaged, self._validator(averaged, epoch, partial(_leave_if_stopped, components))

    def finish_epoch(self, averaged: nn.Module, validated: dict[str, float], began: float) -> None:
        """Move on to the next epoch; write checkpoints and log."""
        config, spec = self._config, self._validator.spec
        metrics = {"train_loss": self.state.loss_sum / max(self.state.rows, 1), **validated}
        self.state = state = self.state.next_epoch(_key(config, metrics), metrics)
        # The best one first: after a kill between the two, the epoch is done again and writes it again.
        if state.is_best:
            self.writer.best(averaged, spec, metrics)
        seconds = time.perf_counter() - began
        used = {"lr": _last_lr(self._components, state.epoch - 1), "seconds": round(seconds, 3)}
        self._log.epoch(state.epoch, {**metrics, **used})
        self.writer.latest(self._network, spec, self._components, state)
        logging.info(_line(state.epoch, config.epochs, metrics, seconds, state.is_best))
        self._log.metrics({"epoch": state.epoch, "figures": metrics, "best": state.best_metrics})
        warn(on_epoch(config.criterion, config.margin, metrics["train_loss"]))


def _key(config: Config, metrics: dict[str, float]) -> tuple[float, float]:
    """What the best epoch has most of; where scores stay what they are, the reasons decide."""
    if learns_reasons_alone(config):
        return -metrics["reasons_loss"], 0.0
    return best_key(config.criterion, metrics)


def _inputs(components: Components, epoch: int) -> Iterator[Tensor]:
    """The batches of `epoch` once more, normalised."""
    components.batches.set_position(epoch)
    for batch in components.loader:
        _leave_if_stopped(components)
        if len(batch.pair_index):  # as in training, where nothing is learnt from the images of rows left out
            yield components.inputs.normalise(batch.images.to(components.process.device))


def _leave_if_stopped(components: Components) -> None:
    if _stopped(components):
        raise StopRequested


def _stopped(components: Components) -> bool:
    """Whether the user asked any process to stop; every process must ask."""
    return sum_processes([float(components.stopped())], components.process)[0] > 0


def _last_lr(components: Components, epoch: int) -> float:
    """The learning rate of the last step of `epoch`."""
    steps = len(components.batches)
    return components.lr(epoch + (steps - 1) / steps)


def warn(reasons: Iterable[str]) -> None:
    """Log each of `reasons` as a warning."""
    for reason in reasons:
        logging.warning("%s", reason)


def _line(epoch: int, epochs: int, metrics: dict[str, float], seconds: float, is_best: bool) -> str:
    words = [f"{name} {value:.4g}" for name, value in metrics.items()]
    return f"epoch {epoch}/{epochs}: {', '.join(words)}; {seconds:.1f} s{'; best so far' if is_best else ''}"
