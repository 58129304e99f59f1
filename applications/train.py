"""`--train`: learn on DATA/train, validate on DATA/val after every epoch, keep the latest and best weights.

The recipe: labels -> network with weights -> loss, optimiser, batches -> epochs of train, validate, save.
An interrupt (SIGINT, SIGTERM) saves the run in the middle of an epoch; `--continue` continues from there, bit
for bit.
"""

import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from applications.setup.auto_batch import with_auto_batch
from applications.setup.continuing import continued, flags_of, refuse_changed_rows, rows_of
from applications.setup.data import on_shared_images, split_labels, usable_workers
from applications.setup.model import place_to_train
from applications.setup.scales import held_scales, new_model_for, scales_by_name
from applications.setup.torch_errors import explain_torch_errors
from applications.training.advice import on_averages, on_labels
from applications.training.components import Components, build_training, swa_start
from applications.training.epochs import train_epochs, warn
from applications.training.state import TrainState, restore_components, restore_process
from applications.training.validation import Validator
from config import Config
from dataloader.labels import Labels
from dataloader.loaders import end_workers
from models import load_model
from models.scales import scales_of
from rankiqa.files import require_writable
from rankiqa.machine import keep_freed_memory
from rankiqa.spec import HINGE, ModelSpec
from rankiqa.terminal.log import setup_console
from rankiqa.terminal.signals import StopSignals
from utils.checkpoint import load_checkpoint
from utils.distributed import Process, choose_device, run_processes
from utils.errors import ConfigError
from utils.run_log import RunLog, new_run_folder
from utils.seeding import seed_everything


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
    if process.device == "cpu":
        keep_freed_memory()
    config = replace(config, workers=usable_workers(config, process))
    seed_everything(config.seed, config.deterministic)  # all processes start from the same weights
    labels = {split: split_labels(config, split) for split in ("train", "val")}
    # Read by each process for itself: tensors that travel to new processes would share their memory.
    checkpoint = None if config.continue_from is None else load_checkpoint(config.continue_from)
    network, spec, state = _start(config, process, labels, checkpoint)
    place_to_train(network, process.device, config)
    seed_everything(config.seed + process.rank, config.deterministic)
    with (
        # around the log, whose lines may not fit on the disk
        explain_torch_errors(config.batch_size, config.image_size),
        RunLog(Path(state.run_folder), active=process.is_main, tensorboard=True) as log,
        StopSignals() as stop,
    ):
        log.config(flags_of(config))
        components = build_training(config, process, network, spec, labels["train"], log, stop, labels["val"])
        spec = spec.with_(scales=scales_by_name(scales_of(network), labels["train"]) or spec.scales)
        if process.is_main:
            warn(_notices(config, components, **labels))
        if checkpoint is not None:
            restore_components(checkpoint, components)
        validator = Validator(config, components, labels["val"], spec, log, first=len(labels["train"].paths))
        _announce(process, spec, **labels, steps=len(components.batches))
        if checkpoint is not None:
            restore_process(checkpoint, process)
        try:
            return train_epochs(config, components, network, validator, state, log)
        finally:
            for loader in (components.loader, validator.loader):
                end_workers(loader)


def _start(
    config: Config, process: Process, labels: dict[str, Labels], checkpoint: dict[str, Any] | None
) -> tuple[nn.Module, ModelSpec, TrainState]:
    """Network and state of a new run, or of the one that `checkpoint` holds.

    Raises:
        ConfigError: the checkpoint can't be continued with these processes or these labels.
    """
    if checkpoint is None:
        network, spec = new_model_for(config, labels["train"])
        folder = new_run_folder(config.logdir, "train", spec.arch, config.criterion)
        state = TrainState(run_folder=str(folder))
    else:
        network, spec = load_model(checkpoint, str(config.continue_from))
        held_scales(network, labels["train"], checkpoint["state_dict"])
        state = TrainState.from_dict(checkpoint["train_state"])
        _refuse_other_world_size(state, process)
        refuse_changed_rows(state.rows_of, labels, state.in_steps)
    state.rows_of = rows_of(labels)
    return network, spec, state


def _refuse_other_world_size(state: TrainState, process: Process) -> None:
    """In the middle of an epoch, rows done are counted in steps of all processes together."""
    if state.in_steps and state.world_size != process.world_size:
        raise ConfigError(
            f"--continue: the run was stopped in the middle of an epoch with {state.world_size} processes; "
            f"continue with as many, not {process.world_size}"
        )


def _notices(config: Config, components: Components, train: Labels, val: Labels) -> Iterator[str]:
    """What is odd about a run before it begins."""
    yield from on_labels(train)
    yield from on_labels(val)
    yield from on_shared_images(train, val)
    if train.has_shares and config.rank_loss == HINGE:
        yield f"{train.source}: --rank_loss hinge learns the order of its pairs alone; logistic learns p"
    updates = -(-len(components.batches) // config.accumulate) * config.epochs
    swa_from = swa_start(config)
    yield from on_averages(config.ema, swa_from and config.epochs - swa_from, updates)
    if config.warmup >= config.epochs:
        yield f"--warmup {config.warmup} covers all {config.epochs} epochs: the peak rate is not reached"


def _announce(process: Process, spec: ModelSpec, train: Labels, val: Labels, steps: int) -> None:
    logging.info(
        "%s, %s: %d rows over %d images to train on, %d over %d to validate, %d steps per epoch on %d x %s",
        *(spec.arch, spec.criterion, len(train), len(train.paths), len(val), len(val.paths), steps),
        *(process.world_size, process.device),
    )
