"""What every recipe reads from DATA, with how many processes, and how much of it is cached."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from config import Config
from dataloader.labels import Labels, load_labels
from rankiqa.machine import available_memory, usable_cores
from rankiqa.spec import ModelSpec
from rankiqa.views import View
from utils.distributed import Process
from utils.errors import LabelError

MOST_CACHE = 8 * 2**30  # bytes, unless --cache_size says otherwise


def split_file(data: Path, split: str) -> Path:
    """DATA/split/label.txt, or for a test DATA/label.txt where that is the only one."""
    usual, plain = data / split / "label.txt", data / "label.txt"
    return plain if plain.is_file() and not usual.is_file() and split == "test" else usual


def split_labels(config: Config, split: str, criterion: str = "", num_classes: int = 0) -> Labels:
    """The labels of "train", "val" or "test", read as the criterion says.

    Raises:
        LabelError: see `load_labels`.
    """
    file = split_file(config.data, split)
    return load_labels(
        file, criterion or config.criterion, num_classes or config.num_classes, config.data, config.tie
    )


def evaluation_labels(config: Config, spec: ModelSpec) -> Labels:
    """The labels that judge a model of `spec`: a MOS may have any scale, since correlations mind none.

    Raises:
        LabelError: see `load_labels`.
    """
    return split_labels(
        config, "test", spec.criterion, 1 if spec.criterion == "regress" else spec.num_classes
    )


def training_labels(flags: dict[str, Any]) -> Labels | None:
    """The labels that a model was trained on, by the flags in its file, if they are still there."""
    if not {"data", "criterion", "num_classes"} <= set(flags):
        return None
    folder = Path(flags["data"])
    try:
        return load_labels(split_file(folder, "train"), flags["criterion"], flags["num_classes"], root=folder)
    except LabelError:
        return None


def warn_of_learned_images(labels: Labels, flags: dict[str, Any]) -> None:
    """Tell of images that the model with these flags was trained on."""
    learned = training_labels(flags)
    for warning in () if learned is None else on_shared_images(learned, labels):
        logging.warning("%s", warning)


def on_shared_images(learned: Labels, judged: Labels) -> Iterator[str]:
    """Images of `judged` that are among those of `learned`, under whatever name or link."""
    known = {_identity(path) for path in learned.paths}
    shared = [name for name, path in zip(judged.names, judged.paths, strict=True) if _identity(path) in known]
    if shared:
        yield (
            f"{len(shared)} of {len(judged.names)} images of {judged.source} are in {learned.source} too: "
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
