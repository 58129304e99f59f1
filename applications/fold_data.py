"""The label files of k-fold cross-validation: rows of all splits, shared out by scene."""

import csv
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from applications.manifest import Origin, read_origins
from applications.splits import split_file, split_labels
from config import Config
from dataloader.groups import scenes_of
from dataloader.labels import Labels
from utils.errors import DataError
from utils.files import atomic_write

PARTS = "test: part k; val: part k + 1; train: the others"
SPLITS = ("train", "val", "test")


class LabelRow(NamedTuple):
    """A row of a label file: the name of its scene, its pictures, what they are, and the other fields."""

    scene: str
    path: str
    pictures: list[str]
    origins: list[Origin]
    targets: list[float]


def gather_rows(config: Config) -> list[LabelRow]:
    """All rows of the splits of --data that are there.

    The scene is what the table beside the labels says; without one it is, for rank, all pictures that pairs
    tie together, and otherwise the picture itself.

    Raises:
        LabelError: see `load_labels`.
        DataError: no split is there.
    """
    rows: list[LabelRow] = []
    files = {split: split_file(config.data, split) for split in SPLITS}
    for split, file in files.items():
        if file.is_file():
            rows += _rows_of(split_labels(config, split), file, split)
    if not rows:
        raise DataError(f"--data {config.data}: holds none of {', '.join(map(str, files.values()))}")
    if config.criterion != "rank" and not any(row.origins[0].scene for row in rows):
        logging.warning(
            "no manifest.csv or table.csv tells the scenes: each picture is taken for a scene of its own"
        )
    return rows


def cut(rows: Sequence[LabelRow], count: int, seed: int) -> dict[str, int]:
    """{scene: its part, 0..count-1}: scenes in an order drawn from `seed`, dealt out in turn.

    Raises:
        DataError: fewer scenes than parts.
    """
    scenes = sorted({row.scene for row in rows})
    if len(scenes) < count:
        raise DataError(f"--folds {count}: there are only {len(scenes)} scenes, and each fold needs its own")
    order = np.random.default_rng(seed).permutation(len(scenes))
    return {scenes[place]: number % count for number, place in enumerate(order)}


def write_fold(folder: Path, rows: Sequence[LabelRow], part: dict[str, int], number: int, count: int) -> None:
    """Write {train,val,test}/label.txt and manifest.csv below `folder` for fold `number`, from 0."""
    roles = {number: "test", (number + 1) % count: "val"}
    for split in SPLITS:
        own = [row for row in rows if roles.get(part[row.scene], "train") == split]
        known = {
            picture: (picture, row.scene, origin.kind, origin.level)
            for row in own
            for picture, origin in zip(row.pictures, row.origins, strict=True)
        }
        with atomic_write(folder / split / "manifest.csv", "w") as file:
            csv.writer(file).writerows([("path", "scene", "type", "level"), *known.values()])
        with atomic_write(folder / split / "label.txt", "w") as file:
            csv.writer(file).writerows([*row.pictures, *map(repr, row.targets)] for row in own)


def _rows_of(labels: Labels, file: Path, split: str) -> list[LabelRow]:
    table = read_origins(file)
    tied = scenes_of(labels.images, len(labels.paths))
    # absolute, as the fold's label files lie in another folder
    pictures = [str(Path(path).absolute()) for path in labels.paths]
    origins = [table.get(name, Origin("", "", -1)) for name in labels.names]
    rows = []
    for images, target in zip(labels.images.tolist(), labels.targets.tolist(), strict=True):
        first = images[0]
        # without a table a picture that stands in two splits must still be one scene
        alone = f"{split} {tied[first]}" if labels.task == "rank" else pictures[first]
        rows.append(
            LabelRow(
                origins[first].scene or alone,
                pictures[first],
                [pictures[image] for image in images],
                [origins[image] for image in images],
                target if isinstance(target, list) else [target],
            )
        )
    return rows
