"""Components of a training run, built as the flags say."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.utils.data import DataLoader

from applications.setup.data import pin_memory
from applications.setup.objective import new_criterion, new_optimizer
from applications.setup.second_head import ReasonsTraining, reasons_training
from applications.training.inputs import Inputs, training_inputs
from applications.training.scales import start_scales
from config import Config
from dataloader.batches import RowBatches
from dataloader.label_sets import sets_of_rows
from dataloader.labels import Labels
from dataloader.loaders import train_loader
from dataloader.string_table import StringTable
from models import head_of
from models.reasons import reasons_head
from models.scales import scales_of
from optim.averages import Averages
from optim.precision import Precision, make_precision
from optim.schedules import lr_factor
from rankiqa.spec import ModelSpec
from rankiqa.terminal.signals import StopSignals
from utils.distributed import Process
from utils.errors import LabelError
from utils.run_log import RunLog
from utils.step_profile import StepProfile


@dataclass
class RowsRead:
    """Rows of the update in progress whose images could be read, in all processes."""

    count: float = 0.0


@dataclass(frozen=True)
class Components:
    """Components of a training run, which stay the same from step to step.

    Attributes:
        network: what the steps call, wrapped for distribution where there are several processes.
        inputs: what it is fed with.
        lr: learning rate at a progress, in epochs with a fraction.
        log: takes (global step, metrics) every `print_freq` steps.
        stopped: whether the user asked to stop.
        paths: of the images, by their numbers.
        skip_bad: leave rows with an unreadable image out instead of raising.
        accumulate: steps whose gradients make one update.
        clip_grad: largest norm of the gradient of an update; None: any.
        save_every: steps between two checkpoints inside an epoch; 0: none.
        rows_read: by which an update is weighed where rows may be left out.
        averages: of the weights.
        precision: of forward and backward.
        profile: of the first steps.
        num_classes: N; what the network gives behind N columns belongs to the second head.
        reasons: what the second head learns from; None: there is none.
        sets: K data sets on whose scales the network gives K scores behind all else; 0: it has none.
    """

    network: nn.Module
    inputs: Inputs
    criterion: nn.Module
    optimizer: torch.optim.Optimizer
    loader: DataLoader
    batches: RowBatches
    process: Process
    lr: Callable[[float], float]
    log: Callable[[int, dict[str, float]], None]
    stopped: Callable[[], bool]
    paths: StringTable
    averages: Averages
    precision: Precision
    profile: StepProfile
    num_classes: int = 1
    reasons: ReasonsTraining | None = None
    sets: int = 0
    print_freq: int = 50
    skip_bad: bool = False
    accumulate: int = 1
    clip_grad: float | None = None
    save_every: int = 0
    rows_read: RowsRead = field(default_factory=RowsRead)


def build_training(
    config: Config,
    process: Process,
    network: nn.Module,
    spec: ModelSpec,
    labels: Labels,
    log: RunLog,
    stop: StopSignals,
    validation: Labels | None = None,
) -> Components:
    """Components of the run that the flags ask for.

    Args:
        network: with its weights, on the device of `process`.
        spec: of the network.
        labels: to train on.
        log: gets the metrics of the steps.
        stop: the user's wish to stop.
        validation: labels to validate on.
    """
    inputs = training_inputs(config, process, network, spec, labels, validation)
    start_scales(config, process, network, spec, labels, inputs)
    batches, loader = _batches(config, process, labels, inputs)
    return Components(
        network=inputs.part(network),
        inputs=inputs,
        criterion=new_criterion(config, network),
        optimizer=new_optimizer(config, network),
        loader=loader,
        batches=batches,
        process=process,
        lr=lambda progress: config.lr * lr_factor(config.schedule, progress, config.warmup, config.epochs),
        log=log.step,
        stopped=lambda: stop.requested,
        paths=labels.paths,
        averages=Averages(network, ema=config.ema, swa_from=swa_start(config)),
        precision=make_precision(config.amp, process.device),
        profile=StepProfile(config.profile if process.is_main else 0, log.folder),
        num_classes=spec.num_classes,
        reasons=reasons_training(config, spec, labels),
        sets=len(labels.parts) if scales_of(network) is not None else 0,
        print_freq=config.print_freq,
        skip_bad=config.bad_images == "skip",
        accumulate=config.accumulate,
        clip_grad=config.clip_grad,
        save_every=config.save_every,
    )


def _batches(
    config: Config, process: Process, labels: Labels, inputs: Inputs
) -> tuple[RowBatches, DataLoader]:
    """Which rows make each step, and the loader of these steps."""
    siamese = config.pairing == "siamese" and config.criterion == "rank"
    _require_whole_groups(labels, config.group_size)
    batches = RowBatches(
        labels.images,
        len(labels.paths),
        config.batch_size,
        config.seed,
        process.world_size,
        process.rank,
        grouped=not siamese,
        together=config.group_size,
        sets=sets_of_rows(labels) if labels.parts else None,
        balanced=config.mix == "balanced",
    )
    loader = train_loader(
        labels,
        inputs.views[0],
        batches,
        seed=config.seed,
        augment=config.augment,
        siamese=siamese,
        workers=inputs.workers,
        pin_memory=pin_memory(process),
        cache=inputs.cache,
    )
    return batches, loader


def _require_whole_groups(labels: Labels, size: int) -> None:
    """Raise LabelError where the rows of one of several sets are no multiple of --group_size."""
    for part in labels.parts:
        if len(part) % size:
            raise LabelError(
                f"{part.source}: its {len(part)} rows are no multiple of --group_size {size}; "
                "of several data sets each must hold whole groups"
            )


def swa_start(config: Config) -> int | None:
    """The first epoch whose end is averaged; the last one always is."""
    return None if config.swa is None else min(int(config.swa * config.epochs), config.epochs - 1)


def freeze(network: nn.Module, frozen: bool, reasons_alone: bool = False) -> None:
    """Only the head and scales of data sets learn while `frozen`; the backbone's batch statistics stay, too.

    Args:
        reasons_alone: of both heads only that of the reasons.
    """
    head = head_of(network)[1]
    second = reasons_head(network)
    learning = second if reasons_alone and second is not None else head
    network.requires_grad_(not frozen)
    scales = scales_of(network)
    network.train(not frozen)
    for part in (learning, scales):
        if part is not None:
            part.requires_grad_(True)
            part.train()
