"""`--train`: learn on DATA/train, validate on DATA/val after every epoch, keep the latest and best weights.

The recipe: labels -> network with weights -> loss, optimiser, batches -> epochs of train, validate, save.
An interrupt (SIGINT, SIGTERM) saves the run in the middle of an epoch; `--continue` goes on from there, bit
for bit.
"""

import logging
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from applications.setup.auto_batch import with_auto_batch
from applications.setup.continuing import continued, flags_of, refuse_changed_rows, rows_digest
from applications.setup.data import split_labels, usable_workers
from applications.setup.model import model_of_state, new_model, place_to_train
from applications.training.advice import on_averages, on_epoch, on_labels, on_shared_images
from applications.training.components import Job, make_job, swa_start
from applications.training.loop import train_epoch
from applications.training.state import CheckpointWriter, TrainState, restore_job, restore_process
from applications.training.validation import Validator
from config import Config
from dataloader.labels import Labels
from metrics.task import best_key
from models import head_of
from models.normalise import to_unit
from models.spec import ModelSpec
from utils.checkpoint import load_checkpoint
from utils.distributed import Process, any_process, choose_device, run_processes, sync_buffers, wrap
from utils.errors import ConfigError
from utils.faults import explain_torch_faults
from utils.files import require_writable
from utils.my_logger import setup_console
from utils.run_log import RunLog, new_run_folder
from utils.seeding import seed_everything
from utils.signals import StopRequested, StopSignals


def run(config: Config) -> int:
    """Train as the flags say, in as many processes as they ask for; 0, or 130 after an interrupt."""
    if _restarted(config):
        config = replace(config, continue_from="")
    if config.continue_from is not None:
        config = continued(config)
    elif config.auto_batch:
        config = with_auto_batch(config)
    device, gpus = choose_device(config.cuda, config.gpus)
    return run_processes(
        train,
        (config,),
        device=device,
        local=gpus or config.procs_per_node,
        nodes=config.nodes,
        node=config.rank,
        init_method=config.init_method,
    )


def _restarted(config: Config) -> bool:
    """Whether torchrun has started the processes anew, after one of them was lost."""
    return config.continue_from is None and int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0)) > 0


def train(process: Process, config: Config) -> int:
    """One process of a run: 0 when all epochs are done, 130 when it was stopped and saved."""
    setup_console(quiet=not process.is_main)
    if process.is_main:
        require_writable(config.checkpoint_dir, "--checkpoint_dir")
        if config.continue_from is None:
            require_writable(config.logdir, "--logdir")
    config = replace(config, workers=usable_workers(config, process))
    seed_everything(config.seed, config.deterministic)  # all processes start from the same weights
    train_labels, val_labels = split_labels(config, "train"), split_labels(config, "val")
    # Read by each process for itself: tensors that travel to new processes would share their memory.
    checkpoint = None if config.continue_from is None else load_checkpoint(config.continue_from)
    if checkpoint is None:
        network, spec = new_model(config, train_labels.targets)
        state = TrainState(
            run_folder=str(new_run_folder(config.logdir, "train", spec.arch, config.criterion))
        )
    else:
        network, spec = model_of_state(checkpoint, str(config.continue_from))
        state = TrainState.from_dict(checkpoint["train_state"])
        _refuse_other_world(state, process)
        refuse_changed_rows(state.rows_of, {"train": train_labels, "val": val_labels}, state.in_steps)
    state.rows_of = {"train": rows_digest(train_labels), "val": rows_digest(val_labels)}
    place_to_train(network, process.device, config)
    seed_everything(config.seed + process.rank, config.deterministic)
    with (
        # around the log, whose lines may not fit on the disk
        explain_torch_faults(config.batch_size, config.image_size),
        RunLog(Path(state.run_folder), active=process.is_main, tensorboard=True) as log,
        StopSignals() as stop,
    ):
        log.config(flags_of(config))
        job = make_job(config, process, network, spec, train_labels, log, stop, len(val_labels.paths))
        if process.is_main:
            _warn(_notices(config, job, train_labels, val_labels))
        if checkpoint is not None:
            restore_job(checkpoint, job)
        validator = Validator(
            config,
            process,
            job.normalise,
            job.criterion,
            val_labels,
            spec,
            log,
            job.cache,
            len(train_labels.paths),
        )
        _announce(process, spec, train_labels, val_labels, len(job.batches))
        if checkpoint is not None:
            restore_process(checkpoint, process)
        return _epochs(config, job, network, validator, state, log)


def _epochs(
    config: Config, job: Job, network: nn.Module, validator: Validator, state: TrainState, log: RunLog
) -> int:
    writer = CheckpointWriter(config.checkpoint_dir, flags_of(config), job.process.is_main, state.run_folder)
    state.world = job.process.world
    if "TORCHELASTIC_RUN_ID" in os.environ and not (state.epoch or state.step):
        # what a restart goes on with, be it after the first step: never the file of an earlier run
        _save(writer, network, validator, job, state)
    while state.epoch < config.epochs:
        began = time.perf_counter()
        freeze(network, state.epoch < config.freeze_backbone)
        # What learns has changed, and a wrapper holds on to the parameters that it was made for.
        if job.network is network or state.epoch == config.freeze_backbone:
            job = replace(job, network=_ready(network, job.process, config))
        save = partial(_save, writer, network, validator, job, state)
        if not state.trained:
            state.trained = train_epoch(job, state, save)
            save()  # a run that is stopped or killed in validation begins with that when it is continued
        if not state.trained:
            logging.warning("stopped in epoch %d and saved; go on with --continue", state.epoch + 1)
            return 130
        try:
            job.averages.after_epoch(state.epoch, _inputs(job, state.epoch))
            best = job.averages.best
            sync_buffers(best, job.process)
            validated = validator(best, state.epoch, partial(_leave_if_stopped, job))
        except StopRequested:
            logging.warning("stopped in the validation of epoch %d; go on with --continue", state.epoch + 1)
            return 130
        metrics = {"train_loss": state.loss_sum / max(state.rows, 1), **validated}
        state = state.next_epoch(best_key(config.criterion, metrics), metrics)
        # The best one first: after a kill between the two, the epoch is done again and writes it again.
        if state.is_best:
            writer.best(best, validator.spec, metrics)
        seconds = time.perf_counter() - began
        used = {"lr": _last_lr(job, state.epoch - 1), "seconds": round(seconds, 3)}
        log.epoch(state.epoch, {**metrics, **used})
        writer.latest(network, validator.spec, job, state)
        logging.info(_line(state.epoch, config.epochs, metrics, seconds, state.is_best))
        log.metrics({"epoch": state.epoch, "figures": metrics, "best": state.best_figures})
        _warn(on_epoch(config.criterion, config.margin, metrics["train_loss"]))
        if state.epoch < config.epochs and any_process(job.stopped(), job.process):
            logging.warning("stopped after epoch %d and saved; go on with --continue", state.epoch)
            return 130
    if job.process.is_main:
        logging.info("all %d epochs are done", config.epochs)
        logging.info("best weights: %s", writer.path("model_best", validator.spec.arch))
        logging.info("log and TensorBoard events: %s", log.folder)
    return 0


def _leave_if_stopped(job: Job) -> None:
    """Raise StopRequested, in every process, if the user asked any of them to stop."""
    if any_process(job.stopped(), job.process):
        raise StopRequested


def _last_lr(job: Job, epoch: int) -> float:
    """The learning rate of the last step of `epoch`."""
    steps = len(job.batches)
    return job.lr(epoch + (steps - 1) / steps)


def _notices(config: Config, job: Job, train: Labels, val: Labels) -> Iterator[str]:
    """What is odd about a run before it begins."""
    yield from on_labels(train)
    yield from on_labels(val)
    yield from on_shared_images(train, val)
    updates = -(-len(job.batches) // config.accumulate) * config.epochs
    swa_from = swa_start(config)
    yield from on_averages(config.ema, swa_from and config.epochs - swa_from, updates)
    if config.warmup >= config.epochs:
        yield f"--warmup {config.warmup} covers all {config.epochs} epochs: the peak rate is not reached"


def _warn(reasons: Iterable[str]) -> None:
    for reason in reasons:
        logging.warning("%s", reason)


def _save(
    writer: CheckpointWriter, network: nn.Module, validator: Validator, job: Job, state: TrainState
) -> None:
    sync_buffers(network, job.process)
    writer.latest(network, validator.spec, job, state)


def _ready(network: nn.Module, process: Process, config: Config) -> nn.Module:
    """`network` as the steps call it: distributed, compiled."""
    wrapped = wrap(network, process, config.sync_bn)
    return torch.compile(wrapped) if config.compile else wrapped  # type: ignore[return-value]


def _inputs(job: Job, epoch: int) -> Iterator[Tensor]:
    """The batches of `epoch` once more, normalised."""
    job.batches.set_position(epoch)
    for batch in job.loader:
        _leave_if_stopped(job)
        if len(batch.places):  # as in training, where nothing is learnt from the images of rows left out
            yield job.normalise(to_unit(batch.images.to(job.process.device)))


def _refuse_other_world(state: TrainState, process: Process) -> None:
    """In the middle of an epoch, rows done are counted in steps of all processes together."""
    if state.in_steps and state.world != process.world:
        raise ConfigError(
            f"--continue: the run was stopped in the middle of an epoch with {state.world} processes; "
            f"go on with as many, not {process.world}"
        )


def freeze(network: nn.Module, frozen: bool) -> None:
    """Only the head learns while `frozen`; batch statistics of the backbone stay what they are, too."""
    head = head_of(network)[1]
    network.requires_grad_(not frozen)
    head.requires_grad_(True)
    network.train(not frozen)
    head.train()


def _announce(process: Process, spec: ModelSpec, train: Labels, val: Labels, steps: int) -> None:
    logging.info(
        "%s, %s: %d rows over %d images to train on, %d over %d to validate, %d steps per epoch on %d x %s",
        *(spec.arch, spec.criterion, len(train), len(train.paths), len(val), len(val.paths), steps),
        *(process.world, process.device),
    )


def _line(epoch: int, epochs: int, metrics: dict[str, float], seconds: float, is_best: bool) -> str:
    words = [f"{name} {value:.4g}" for name, value in metrics.items()]
    return f"epoch {epoch}/{epochs}: {', '.join(words)}; {seconds:.1f} s{'; best so far' if is_best else ''}"
