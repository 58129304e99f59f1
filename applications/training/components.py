"""What a training run is made of."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.utils.data import DataLoader

from applications.setup.data import pin_memory
from config import Config
from criterions.factory import OBJECTIVE, create_criterion
from dataloader.batches import RowBatches
from dataloader.cache import ImageCache
from dataloader.labels import Labels
from dataloader.loaders import train_loader
from dataloader.string_table import StringTable
from dataloader.views import View
from models.normalise import Normalise
from models.spec import ModelSpec
from optim.averages import Averages
from optim.optimizers import create_optimizer
from optim.precision import Precision, make_precision
from optim.schedules import lr_factor
from utils.distributed import Process
from utils.memory import available_memory
from utils.run_log import RunLog
from utils.signals import StopSignals
from utils.step_profile import StepProfile

MOST_CACHE = 8 * 2**30  # bytes, unless --cache_size says otherwise


@dataclass
class RowsRead:
    """Rows of the update in progress whose images could be read, in all processes."""

    count: float = 0.0


@dataclass(frozen=True)
class Job:
    """The parts of a run that do not change from step to step.

    Attributes:
        network: wrapped for distribution where there are several processes.
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
        cache: of decoded images, those to validate on after those to train on; None: no cache.
    """

    network: nn.Module
    normalise: Normalise
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
    cache: ImageCache | None = None
    print_freq: int = 50
    skip_bad: bool = False
    accumulate: int = 1
    clip_grad: float | None = None
    save_every: int = 0
    rows_read: RowsRead = field(default_factory=RowsRead)


def make_job(
    config: Config,
    process: Process,
    network: nn.Module,
    spec: ModelSpec,
    labels: Labels,
    log: RunLog,
    stop: StopSignals,
    validated: int = 0,
) -> Job:
    """The parts of a run as the flags ask for them.

    Args:
        network: with its weights, on the device of `process`.
        spec: of the network.
        labels: to train on.
        log: gets the metrics of the steps.
        stop: the user's wish to stop.
        validated: further images that the cache keeps, to validate on.
    """
    cache = _cache(config, process, len(labels.paths) + validated)
    siamese = config.pairing == "siamese" and config.criterion == "rank"
    batches = RowBatches(
        labels.images,
        len(labels.paths),
        config.batch_size,
        config.seed,
        process.world,
        process.rank,
        grouped=not siamese,
        together=config.rows_together,
    )
    loader = train_loader(
        labels,
        View(spec.view, spec.image_size, spec.patches, config.full_decode, config.max_pixels),
        batches,
        seed=config.seed,
        augment=config.augment,
        siamese=siamese,
        workers=config.workers,
        pin_memory=pin_memory(process),
        cache=cache,
    )
    return Job(
        network=network,
        normalise=Normalise(spec.mean, spec.std).to(process.device),
        criterion=create_criterion(config.criterion, **{name: getattr(config, name) for name in OBJECTIVE}),
        optimizer=create_optimizer(
            config.optimizer,
            network.parameters(),
            lr=config.lr,
            weight_decay=config.weight_decay,
            momentum=config.momentum,
            lookahead=config.lookahead,
            no_decay_norm=config.no_decay_norm,
        ),
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
        cache=cache,
        print_freq=config.print_freq,
        skip_bad=config.bad_images == "skip",
        accumulate=config.accumulate,
        clip_grad=config.clip_grad,
        save_every=config.save_every,
    )


def cache_size(config: Config) -> int:
    """Bytes of --cache on this machine, in memory or on the disk; 0: no cache, or one epoch alone."""
    if config.cache == "no" or config.epochs == 1:
        return 0
    if config.cache_size is not None:
        return config.cache_size
    return min(MOST_CACHE, int(available_memory()) // 4) if config.cache == "ram" else MOST_CACHE


def _cache(config: Config, process: Process, images: int) -> ImageCache | None:
    """The cache of --cache, whose size the processes of this machine share."""
    size = cache_size(config)
    if not size:
        return None
    capacity = size * config.nodes // process.world
    return ImageCache(images, capacity, in_memory=config.cache == "ram")


def swa_start(config: Config) -> int | None:
    """The first epoch whose end is averaged; the last one always is."""
    return None if config.swa is None else min(int(config.swa * config.epochs), config.epochs - 1)
