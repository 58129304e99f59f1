"""What every application reads from DATA, and with how many hands."""

import logging
from pathlib import Path
from typing import Any

from config import Config
from dataloader.labels import Labels, load_labels
from models.spec import ModelSpec
from utils.cores import usable_cores
from utils.distributed import Process
from utils.errors import LabelError


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
        file, criterion or config.criterion, num_classes or config.num_classes, root=config.data
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


def usable_workers(config: Config, process: Process) -> int:
    """--workers, but not more than this machine has cores for each of its processes."""
    cores = max(1, usable_cores() * config.nodes // process.world)
    if config.workers > cores and "workers" in config.given and process.is_main:
        logging.warning(
            "--workers %d: this machine has %d cores for each process, using that", config.workers, cores
        )
    return min(config.workers, cores)


def pin_memory(process: Process) -> bool:
    """Page-locked batches help where they travel to a GPU."""
    return process.device != "cpu"
