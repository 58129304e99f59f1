"""What each image of a label file is, where a table beside the labels says it."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dataloader.groups import scenes_of
from dataloader.labels import Labels
from utils.delimited import Row, read_table
from utils.errors import DataError


class Origin(NamedTuple):
    """What an image is; "" and -1 where no table says it.

    Attributes:
        scene: all images of one reference.
        type: of the distortion.
        level: of the distortion, 1 the mildest; 0: a reference.
    """

    scene: str
    type: str
    level: int


def read_origins(label_file: Path) -> dict[str, Origin]:
    """{path as the labels spell it: origin}; empty where no table lies beside the labels.

    It is the generator's manifest.csv in the folder of the labels, or the table.csv of prepare_dataset one
    folder higher. A table without a column `path` is somebody else's: it is not used, with a warning.

    Raises:
        DataError: a row that is not whole, a level that is no number, or an image with two origins.
    """
    for file in (label_file.parent / "manifest.csv", label_file.parent.parent / "table.csv"):
        if file.is_file():
            table = read_table(file)
            if "path" not in table.columns:
                logging.warning("%s: has no column path, so types and scenes are not known", file)
                return {}
            origins: dict[str, Origin] = {}
            for row in table.rows:
                origin = _origin(row)
                if origins.setdefault(row["path"], origin) != origin:
                    raise DataError(f"{row.where}: {row['path']!r} has another scene, type or level above")
            return origins
    return {}


def origins_of(labels: Labels) -> list[Origin]:
    """The origin of each of the M images of `labels`; unknown ones are Origin("", "", -1)."""
    unknown = Origin("", "", -1)
    origins: list[Origin] = []
    for part in labels.sets:
        table = read_origins(part.source)
        origins += [table.get(name, unknown) for name in part.names]
    return origins


def scenes_of_rows(labels: Labels, rows: np.ndarray, origins: Sequence[Origin]) -> np.ndarray | None:
    """(R,) the scene of each of `rows`, as a table beside the labels names it for all; None: nobody says.

    Without a table, images that pairs tie together are a scene.
    """
    images = labels.images[rows]
    names = np.array([origin.scene for origin in origins], dtype=np.str_)
    of_row = names[images[:, 0]]
    if len(of_row) and (of_row != "").all() and len(np.unique(of_row)) > 1:
        return of_row
    return scenes_of(labels.images, len(labels.paths))[images[:, 0]] if labels.task == "rank" else None


def _origin(row: Row) -> Origin:
    distortion = row.get("type")
    level = row.integer("level") if row.get("level") else 0 if distortion == "reference" else -1
    return Origin(row.get("scene"), distortion, level)
