"""The label files of k-fold cross-validation: rows of all splits, shared out by scene."""

import csv
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from applications.setup.data import set_names, split_file, split_labels
from applications.setup.origins import Origin, origins_of
from config import Config
from dataloader.groups import scenes_of
from dataloader.labels import Labels
from rankiqa.files import atomic_write
from utils.errors import DataError

PARTS = "test: part k; val: part k + 1; train: the others"
SPLITS = ("train", "val", "test")


class LabelRow(NamedTuple):
    """Row of a label file: its images, what each of them is, and the other fields."""

    images: list[str]
    origins: list[Origin]
    targets: list[float]

    @property
    def scenes(self) -> list[str]:
        """The scene of each image."""
        return [origin.scene for origin in self.origins]


def gather_sets(config: Config) -> dict[str, list[LabelRow]]:
    """name -> `gather_rows` of each data set of --data; of a single one the name is ""."""
    if len(config.data) == 1:
        return {"": gather_rows(config)}
    # of several sets a MOS may have any scale
    bins = 1 if config.criterion == "regress" else config.num_classes
    return {
        name: gather_rows(replace(config, data=(folder,), num_classes=bins))
        for name, folder in zip(set_names(config.data), config.data, strict=True)
    }


def gather_rows(config: Config) -> list[LabelRow]:
    """All rows of the splits of a --data that are there.

    An image's scene is what the table beside the labels says; without one it is, for rank, all images that
    pairs of any split tie together, and otherwise the image itself.

    Raises:
        LabelError: see `load_labels`.
        DataError: no split is there.
    """
    folder = config.data[0]
    files = {split: split_file(folder, split) for split in SPLITS}
    there = [split for split, file in files.items() if file.is_file()]
    if not there:
        raise DataError(f"--data {folder}: holds none of {', '.join(map(str, files.values()))}")
    rows = [row for split in there for row in label_rows(split_labels(config, split))]
    if config.criterion == "rank":
        return _tied(rows)
    if not any(row.origins[0].scene for row in rows):
        logging.warning(
            "no manifest.csv or table.csv tells the scenes: each image is taken for a scene of its own"
        )
    return [
        _in_scenes(row, [scene or image for scene, image in zip(row.scenes, row.images, strict=True)])
        for row in rows
    ]


def cut(rows: Sequence[LabelRow], count: int, seed: int, name: str = "") -> dict[str, int]:
    """{scene: its part, 0..count-1}: scenes in an order drawn from `seed`, dealt out in turn.

    Args:
        rows: of one data set.
        count: of parts.
        seed: of the order.
        name: of the set, for the message.

    Raises:
        DataError: fewer scenes than parts.
    """
    scenes = sorted({scene for row in rows for scene in row.scenes})
    if len(scenes) < count:
        where = f"{name} has" if name else "there are"
        raise DataError(f"--folds {count}: {where} only {len(scenes)} scenes, and each fold needs its own")
    order = np.random.default_rng(seed).permutation(len(scenes))
    return {scenes[place]: number % count for number, place in enumerate(order)}


def write_fold(folder: Path, rows: Sequence[LabelRow], part: dict[str, int], number: int, count: int) -> None:
    """Write {train,val,test}/label.txt and manifest.csv below `folder` for fold `number`, from 0.

    A pair of two scenes that this fold puts into two splits is left out, with a notice of how many.
    """
    roles = {number: "test", (number + 1) % count: "val"}
    splits = [{roles.get(part[scene], "train") for scene in row.scenes} for row in rows]
    for split in SPLITS:
        own = [row for row, found in zip(rows, splits, strict=True) if found == {split}]
        known = {
            image: (image, *origin)
            for row in own
            for image, origin in zip(row.images, row.origins, strict=True)
        }
        with atomic_write(folder / split / "manifest.csv", "w") as file:
            csv.writer(file).writerows([("path", "scene", "type", "level"), *known.values()])
        write_rows(folder / split / "label.txt", own)
    apart = sum(len(found) > 1 for found in splits)
    if apart:
        logging.warning("%d of %d pairs join scenes of two splits and are left out here", apart, len(rows))


def write_rows(file: Path, rows: Sequence[LabelRow]) -> None:
    """Write a label file."""
    with atomic_write(file, "w") as opened:
        csv.writer(opened).writerows([*row.images, *map(repr, row.targets)] for row in rows)


def label_rows(labels: Labels) -> list[LabelRow]:
    """The rows of a label file; paths are absolute, so that they can be written into another folder."""
    images = [str(Path(path).absolute()) for path in labels.paths]
    origins = origins_of(labels)
    return [
        LabelRow(
            [images[index] for index in row],
            [origins[index] for index in row],
            target if isinstance(target, list) else [target],
        )
        for row, target in zip(labels.images.tolist(), labels.opinions.tolist(), strict=True)
    ]


def _tied(rows: Sequence[LabelRow]) -> list[LabelRow]:
    """The same, but images that no table knows and that pairs tie together are one scene."""
    named: dict[str, str] = {}
    for row in rows:
        named.update(zip(row.images, row.scenes, strict=True))
    numbers = {image: number for number, image in enumerate(named)}
    tied = scenes_of(np.array([[numbers[image] for image in row.images] for row in rows]), len(numbers))
    scene = {image: name or f"tied {tied[numbers[image]]}" for image, name in named.items()}
    return [_in_scenes(row, [scene[image] for image in row.images]) for row in rows]


def _in_scenes(row: LabelRow, scenes: Sequence[str]) -> LabelRow:
    origins = zip(row.origins, scenes, strict=True)
    return row._replace(origins=[origin._replace(scene=scene) for origin, scene in origins])
