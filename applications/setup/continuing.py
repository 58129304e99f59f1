"""`--continue`: the flags of the interrupted run, as its checkpoint holds them."""

import hashlib
import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from config import Config
from config_rules import refuse_broken_run
from dataloader.labels import Labels
from models import canonical_arch
from utils.checkpoint import file_arch, load_checkpoint
from utils.errors import ConfigError, WeightsError
from utils.flags import flags_of as declared
from utils.flags import may_change

FREE = may_change(Config)


def flags_of(config: Config) -> dict[str, Any]:
    """The resolved flags of a run as plain values, for checkpoints and config.yaml."""
    names = [name for name in declared(Config) if name not in ("continue_from", "config")]
    data = [str(folder) for folder in config.data]
    values = {name: _plain(getattr(config, name)) for name in names}
    return {**values, "data": data[0] if len(data) == 1 else data}


def continued(config: Config) -> Config:
    """The Config of the run to continue; its `continue_from` is the path of the checkpoint.

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
    caches = {stored.cache, config.cache if "cache" in config.given else stored.cache}
    if len(caches) > 1 and "features" in caches:  # which are of other crops than the images of a run
        raise ConfigError(
            f"--cache {config.cache}: the run in {path} was started with {stored.cache}; leave it out"
        )
    kept = {name: getattr(config, name) for name in config.given & FREE}
    count = len(kept.get("data", stored.data))
    if count != len(stored.data):
        raise ConfigError(
            f"--data names {count} data sets: the run in {path} has {len(stored.data)}; leave the flag out, "
            "or name the new places of all of them, in the same order"
        )
    kept |= {"train": True, "continue_from": str(path), "given": config.given}
    logging.info("continuing the run of %s", path)
    resumed = replace(stored, **kept)
    refuse_broken_run(resumed)
    return resumed


def rows_of(labels: dict[str, Labels]) -> dict[str, str]:
    """split, or "split/number" of one of several data sets -> its `rows_digest`."""
    return {place: rows_digest(part) for place, part in _label_files(labels)}


def _label_files(labels: dict[str, Labels]) -> Iterator[tuple[str, Labels]]:
    for split, rows in labels.items():
        for number, part in enumerate(rows.sets):
            # by number, as a folder may be moved or renamed
            yield (f"{split}/{number}" if rows.parts else split), part


def rows_digest(labels: Labels) -> str:
    """Tells the rows of a label file from others: by images, order and labels, not by the folder of all."""
    names = list(labels.names)
    folder = os.path.commonprefix(names)
    rest = "\n".join(name[len(folder) :] for name in names)
    digest = hashlib.sha256(rest.encode("utf-8", "surrogateescape"))
    digest.update(labels.images.tobytes())
    digest.update(labels.targets.tobytes())
    return digest.hexdigest()


def refuse_changed_rows(held: dict[str, str], labels: dict[str, Labels], in_steps: bool) -> None:
    """Compare label files with what a run was stopped with; between epochs a change is only told.

    Args:
        held: `rows_of` then; empty for a run of an earlier version, which kept none.
        labels: split -> labels now.
        in_steps: whether the epoch in progress has steps that are done, and others that are not.

    Raises:
        ConfigError: in the middle of an epoch the rows to train on are others.
    """
    changed = [
        (place.split("/")[0], part.source)
        for place, part in _label_files(labels)
        if place in held and held[place] != rows_digest(part)
    ]
    for split, source in changed if in_steps else ():
        if split == "train":
            raise ConfigError(
                f"--continue: {source} has changed since the run was stopped in the middle of an "
                "epoch: which of its rows are done is not known; put the earlier file back, or start a new "
                "run from these weights by --resume"
            )
    for _split, source in sorted(changed):
        logging.warning("--continue: %s has changed since the run was stopped", source)
    if any(split == "val" for split, _ in changed):
        logging.warning("the best model so far was chosen by the earlier one: its metrics don't compare")


def _config_of(flags: dict[str, Any], config: Config) -> Config:
    """The stored flags over those of this command line, which fill in what a newer version added."""
    values: dict[str, Any] = {}
    for name, flag in declared(Config).items():
        stored = next((spelling for spelling in (name, *flag.keys) if spelling in flags), None)
        if stored is None or name in ("continue_from", "config"):
            continue
        value = flags[stored]
        if name == "data":
            value = tuple(map(Path, [value] if isinstance(value, str) else value))
        elif isinstance(value, list):
            value = tuple(value)
        elif flag.options.get("type") is Path and value is not None:
            value = Path(value)
        values[name] = value
    return replace(config, **values)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value
