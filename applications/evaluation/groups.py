"""Metrics by distortion type, level and scene."""

import math
import warnings
from collections.abc import Iterator, Sequence

import numpy as np

from applications.evaluation.predictions import Predictions
from applications.setup.origins import Origin
from dataloader.labels import Labels
from metrics.correlation import plcc, srcc
from metrics.emd import mean_rating
from metrics.error import rmse
from metrics.pair_accuracy import PairAccuracy, pair_accuracy


def by_type_and_level(
    labels: Labels, result: Predictions, origins: Sequence[Origin]
) -> dict[tuple[str, int], PairAccuracy]:
    """{(type, level of the worse image): counts}, types in order; empty without a table, and but for rank."""
    if labels.task != "rank":
        return {}
    pairs, has_order = labels.ordered(result.rows)
    pairs = pairs[has_order]
    types = np.array([origin.type for origin in origins])[pairs[:, 1]]
    levels = np.array([origin.level for origin in origins])[pairs[:, 1]]
    groups = {}
    for name in np.unique(types[levels > 0]):
        for level in np.unique(levels[(types == name) & (levels > 0)]):
            own = pairs[(types == name) & (levels == level)]
            groups[str(name), int(level)] = pair_accuracy(result.scores[own[:, 0]], result.scores[own[:, 1]])
    return groups


def by_group(
    labels: Labels, result: Predictions, origins: Sequence[Origin]
) -> dict[str, dict[str, dict[str, float]]]:
    """{"type" or "scene": {its name: metrics of its rows}}; a grouping that no table knows is left out.

    A row belongs to the type and the scene of its (worse) image; a tie, which has none, to no group. Metrics
    are `rows` and, for rank, the pair accuracy, else SRCC, PLCC and RMSE, NaN where they are undefined.
    """
    rows, images = result.rows, labels.images[result.rows]
    if labels.task == "rank":
        pairs, has_order = labels.ordered(rows)
        rows, images = rows[has_order], pairs[has_order]
    groups = {}
    for title, names in (("type", [o.type for o in origins]), ("scene", [o.scene for o in origins])):
        of_row = np.array(names, dtype=np.str_)[images[:, -1]]
        present = [str(name) for name in np.unique(of_row) if name]
        if present and len(present) < len(of_row):  # a group of one image each says nothing
            groups[title] = {name: _metrics(labels, result, rows[of_row == name]) for name in present}
    return groups


def _metrics(labels: Labels, result: Predictions, rows: np.ndarray) -> dict[str, float]:
    if labels.task == "rank":
        better, worse = result.scores[labels.ordered(rows)[0]].T
        return {"rows": len(rows), "pair_accuracy": pair_accuracy(better, worse).accuracy}
    scores = result.scores[labels.images[rows]]
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
