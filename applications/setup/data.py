"""What every recipe reads from DATA, with how many processes, and how much of it is cached."""

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from config import Config
from dataloader.label_sets import join
from dataloader.labels import Labels, load_labels
from rankiqa.machine import available_memory, usable_cores
from rankiqa.spec import ModelSpec
from rankiqa.views import View
from utils.distributed import Process
from utils.errors import ConfigError, LabelError

MOST_CACHE = 8 * 2**30  # bytes, unless --cache_size says otherwise


def split_file(data: Path, split: str) -> Path:
    """DATA/split/label.txt, or for a test DATA/label.txt where that is the only one."""
    usual, plain = data / split / "label.txt", data / "label.txt"
    return plain if plain.is_file() and not usual.is_file() and split == "test" else usual


def split_labels(config: Config, split: str, criterion: str = "", num_classes: int = 0) -> Labels:
    """The labels of "train", "val" or "test" of --data, one set or several, read as the criterion says.

    Raises:
        ConfigError: two sets of one name.
        LabelError: see `load_labels`.
    """
    task, bins = criterion or config.criterion, num_classes or config.num_classes
    return _labels_of(config.data, split, task, bins, config.tie)


def _labels_of(folders: Sequence[Path], split: str, task: str, num_classes: int, tie: float = 0.0) -> Labels:
    if len(folders) == 1:
        return load_labels(split_file(folders[0], split), task, num_classes, folders[0], tie)
    names = set_names(folders)
    bins = 1 if task == "regress" else num_classes  # a MOS may have the scale of its set
    parts = [load_labels(split_file(folder, split), task, bins, folder, tie) for folder in folders]
    return join(parts, names)


def set_names(folders: Sequence[Path]) -> list[str]:
    """The name of each data set: that of its folder; for those of one name, as much of the path as differs.

    Raises:
        ConfigError: one folder is there twice.
    """
    # a link keeps its name
    whole = [Path(os.path.abspath(folder)).parts for folder in folders]  # noqa: PTH100
    for place, parts in enumerate(whole):
        if parts in whole[:place]:
            raise ConfigError(f"--data names {folders[place]} twice; each data set is there once")
    names: list[str] = []
    for parts in whole:
        others = [other for other in whole if other != parts]
        lengths = range(1, len(parts) + 1)
        fitting = (parts[-n:] for n in lengths if all(other[-n:] != parts[-n:] for other in others))
        names.append("/".join(next(fitting, parts)))
    return names


def evaluation_labels(config: Config, spec: ModelSpec) -> Labels:
    """The labels that judge a model of `spec`: a MOS may have any scale, since correlations mind none.

    A single data set, too, has its name, by which the model may know its scale.

    Raises:
        LabelError: see `load_labels`.
    """
    bins = 1 if spec.criterion == "regress" else spec.num_classes
    labels = split_labels(config, "test", spec.criterion, bins)
    return labels if labels.parts else replace(labels, set_name=set_names(config.data)[0])


def training_labels(flags: dict[str, Any]) -> Labels | None:
    """The labels that a model was trained on, by the flags in its file, if they are still there."""
    if not {"data", "criterion", "num_classes"} <= set(flags):
        return None
    held = flags["data"]  # one folder, or a list of several
    folders = [Path(folder) for folder in ([held] if isinstance(held, str) else held)]
    try:
        return _labels_of(folders, "train", flags["criterion"], flags["num_classes"])
    except LabelError:
        return None


def warn_of_learned_images(labels: Labels, flags: dict[str, Any]) -> None:
    """Tell of images that the model with these flags was trained on."""
    learned = training_labels(flags)
    for warning in () if learned is None else on_shared_images(learned, labels):
        logging.warning("%s", warning)


def on_shared_images(learned: Labels, judged: Labels) -> Iterator[str]:
    """Images of `judged` that are among those of `learned`, under whatever name or link."""
    known = [(part, {_identity(path) for path in part.paths}) for part in learned.sets]
    for own in judged.sets:
        identities = [_identity(path) for path in own.paths]
        for part, there in known:
            shared = [name for name, one in zip(own.names, identities, strict=True) if one in there]
            if shared:
                yield (
                    f"{len(shared)} of {len(own.names)} images of {own.source} are in {part.source} too: "
                    f"{shared[0]} for one; metrics on images that the model has learned from are too good"
                )


def _identity(path: str) -> tuple[int, int] | str:
    """Equal for two paths of one file: its device and number; the path itself where there is no file."""
    try:
        status = Path(path).stat()
    except OSError:
        return path
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(path)


def usable_workers(config: Config, process: Process) -> int:
    """--workers, but not more than this machine has cores for each of its processes."""
    cores = max(1, usable_cores() * config.nodes // process.world_size)
    if config.workers > cores and "workers" in config.given and process.is_main:
        logging.warning(
            "--workers %d: this machine has %d cores for each process, using that", config.workers, cores
        )
    return min(config.workers, cores)


def view_of(config: Config, spec: ModelSpec) -> View:
    """How a run sees images: as the spec says, decoded and cut as the flags say."""
    return spec.make_view(config.full_decode, config.max_pixels, config.train_crop)


def pin_memory(process: Process) -> bool:
    """Page-locked batches help where they travel to a GPU."""
    return process.device != "cpu"


def cache_size(config: Config) -> int:
    """Bytes of --cache on this machine, in memory or on the disk; 0: no cache, or one epoch alone."""
    if config.cache == "no" or config.epochs == 1:
        return 0
    if config.cache_size is not None:
        return config.cache_size
    return min(MOST_CACHE, int(available_memory()) // 4) if config.cache == "ram" else MOST_CACHE
