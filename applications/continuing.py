"""`--continue`: the flags of the interrupted run, as its checkpoint holds them."""

import logging
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from config import Config
from models import canonical_arch
from utils.checkpoint import file_arch, load_checkpoint
from utils.errors import ConfigError, WeightsError

# Where and how fast a run computes may change between its parts; what it computes may not.
FREE = {"epochs", "workers", "gpus", "nodes", "rank", "init_method", "procs_per_node", "cuda", "print_freq"}
FREE |= {
    "train",
    "folds",
    "find_lr",
    "auto_batch",
    "evaluate",
    "jit",
    "list_models",
    "list_optimizers",
    "continue_from",
    "config",
    "checkpoint_dir",
    "logdir",
    "data",
}


def flags_of(config: Config) -> dict[str, Any]:
    """The resolved flags of a run as plain values, for checkpoints and config.yaml."""
    names = [item.name for item in fields(config) if item.name not in ("given", "continue_from", "config")]
    return {name: _plain(getattr(config, name)) for name in names}


def continued(config: Config) -> Config:
    """The Config of the run to go on with; its `continue_from` is the path of the checkpoint.

    Flags that were given and may change win over the stored ones.

    Raises:
        ConfigError: a flag that was given contradicts the stored run.
        WeightsError: no checkpoint there, or one that only holds weights.
    """
    default = config.checkpoint_dir / f"checkpoint_{file_arch(canonical_arch(config.arch))}.pth"
    path = Path(config.continue_from or default)
    checkpoint = load_checkpoint(path)
    missing = {"config", "train_state", "optimizer", "spec"} - set(checkpoint)
    if missing:
        raise WeightsError(
            f"{path}: holds no run to continue (no {', '.join(sorted(missing))}); use --resume"
        )
    stored = _config_of(checkpoint["config"], config)
    for name in sorted(config.given - FREE):
        asked, held = getattr(config, name), getattr(stored, name)
        if name == "arch":
            asked, held = canonical_arch(asked), canonical_arch(held)
        if asked != held:
            raise ConfigError(
                f"--{name} {asked}: the run in {path} was started with {held}; leave the flag out"
            )
    kept = {name: getattr(config, name) for name in config.given & FREE}
    kept |= {"train": True, "continue_from": str(path), "given": config.given}
    logging.info("continuing the run of %s", path)
    return replace(stored, **kept)


def _config_of(flags: dict[str, Any], config: Config) -> Config:
    """The stored flags over those of this command line, which fill in what a newer version added."""
    values: dict[str, Any] = {}
    for name in flags_of(config):
        value, default = flags.get(name), getattr(config, name)
        if name not in flags:
            value = default
        elif isinstance(value, list):
            value = tuple(value)
        elif name in ("data", "resume", "checkpoint_dir", "logdir", "config") and value is not None:
            value = Path(value)
        values[name] = value
    return replace(config, **values)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value
