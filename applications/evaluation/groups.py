"""Metrics by type, level and scene, where the table of what each image is lies beside the labels."""

import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from applications.evaluation.predictions import Predictions
from dataloader.groups import scenes_of
from dataloader.labels import Labels
from metrics.correlation import plcc, srcc
from metrics.emd import mean_rating
from metrics.error import rmse
from metrics.pair_accuracy import PairAccuracy, pair_accuracy
from utils.delimited import Row, read_table
from utils.errors import DataError


class Origin(NamedTuple):
    """What an image is: its scene, distortion type and level (0: a reference, -1: not known)."""

    scene: str
    kind: str
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
    table = read_origins(labels.source)
    unknown = Origin("", "", -1)
    return [table.get(name, unknown) for name in labels.names]


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


def by_type_and_level(
    labels: Labels, result: Predictions, origins: Sequence[Origin]
) -> dict[tuple[str, int], PairAccuracy]:
    """{(type, level of the worse image): counts}, types in order; empty without a table, and but for rank."""
    if labels.task != "rank":
        return {}
    known = np.array([origin.level for origin in origins])
    types = np.array([origin.kind for origin in origins])
    pairs = labels.images[result.rows]
    pairs = pairs[known[pairs[:, 1]] > 0]
    groups = {}
    for kind in sorted(set(types[pairs[:, 1]])):
        for level in sorted(set(known[pairs[types[pairs[:, 1]] == kind, 1]])):
            own = pairs[(types[pairs[:, 1]] == kind) & (known[pairs[:, 1]] == level)]
            groups[kind, int(level)] = pair_accuracy(result.scores[own[:, 0]], result.scores[own[:, 1]])
    return groups


def by_group(
    labels: Labels, result: Predictions, origins: Sequence[Origin]
) -> dict[str, dict[str, dict[str, float]]]:
    """{"type" or "scene": {its name: metrics of its rows}}; a grouping that no table knows is left out.

    A row belongs to the type and the scene of its (worse) image. Metrics are `rows` and, for rank, the pair
    accuracy, else SRCC, PLCC and RMSE, NaN where they are undefined.
    """
    images = labels.images[result.rows]
    groups = {}
    for title, names in (("type", [o.kind for o in origins]), ("scene", [o.scene for o in origins])):
        of_row = np.array(names, dtype=np.str_)[images[:, -1]]
        present = [str(name) for name in np.unique(of_row) if name]
        if present and len(present) < len(of_row):  # a group of one image each says nothing
            groups[title] = {name: _metrics(labels, result, of_row == name) for name in present}
    return groups


def _metrics(labels: Labels, result: Predictions, inside: np.ndarray) -> dict[str, float]:
    rows = result.rows[inside]
    scores = result.scores[labels.images[rows]]
    if labels.task == "rank":
        return {"rows": len(rows), "pair_accuracy": pair_accuracy(scores[:, 0], scores[:, 1]).accuracy}
    opinions = labels.opinions[rows]
    if labels.task == "emd":
        opinions = mean_rating(opinions)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a scene with two images nobody expects a correlation
        measured = {name: measure(scores[:, 0], opinions) for name, measure in _MEASURES.items()}
    return {"rows": len(rows), **measured}


_MEASURES = {"srcc": srcc, "plcc": plcc, "rmse": rmse}


def spread(metrics: dict[str, dict[str, float]]) -> Iterator[tuple[str, float, float, int]]:
    """(name, mean, deviation, groups) of each metric over the groups in which it is defined."""
    names = dict.fromkeys(name for values in metrics.values() for name in values if name != "rows")
    for name in names:
        defined = [values[name] for values in metrics.values() if math.isfinite(values[name])]
        if defined:
            deviation = float(np.std(defined, ddof=1)) if len(defined) > 1 else math.nan
            yield name, float(np.mean(defined)), deviation, len(defined)


def _origin(row: Row) -> Origin:
    kind = row.get("type")
    level = row.integer("level") if row.get("level") else 0 if kind == "reference" else -1
    return Origin(row.get("scene"), kind, level)
