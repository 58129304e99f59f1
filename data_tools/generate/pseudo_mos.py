"""Pseudo-MOS, labels without humans: full-reference metrics, mapped to the scale of a mean opinion score."""

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from data_tools.generate.manifest import Record
from rankiqa.files import write_text
from utils.errors import DataError

LOW, HIGH = 1.0, 5.0
MAPPING = "pseudo_mos.json"
KNOTS = 101


class Mapping:
    """A monotone map from the values of several metrics to a MOS in 1..5.

    A value becomes its quantile among the distorted images that the map was made from (101 knots, linear
    between them), and the quantiles of the metrics are averaged: a mean of ranks that new images can have.

    Args:
        metrics: their names.
        values: (images, metrics), higher = better.
    """

    def __init__(self, metrics: Sequence[str], values: np.ndarray) -> None:
        self.metrics = tuple(metrics)
        shares = np.linspace(0, 1, KNOTS)
        self.knots = []
        for column in np.quantile(values, shares, axis=0).T:
            places, where = np.unique(column, return_inverse=True)
            self.knots.append((places, np.bincount(where, shares) / np.bincount(where)))

    def quantiles(self, values: np.ndarray) -> np.ndarray:
        """(images, metrics) -> the same shape, each in [0, 1]."""
        return np.stack(
            [np.interp(column, *knots) for column, knots in zip(values.T, self.knots, strict=True)], axis=1
        )

    def mos(self, values: np.ndarray) -> np.ndarray:
        """(images, metrics) -> (images,), in [1, 5]."""
        return LOW + (HIGH - LOW) * self.quantiles(values).mean(axis=1)

    def save(self, folder: Path) -> None:
        """Write `pseudo_mos.json`: with it and the manifest's columns every label can be computed again."""
        knots = {
            name: {"value": values.tolist(), "quantile": shares.tolist()}
            for name, (values, shares) in zip(self.metrics, self.knots, strict=True)
        }
        content = {
            "mos": f"{LOW} + {HIGH - LOW} * mean of interpolated quantiles; references {HIGH}",
            "metrics": "higher = better: those of which less is better are negated",
            "piq": version("piq"),
            "knots": knots,
        }
        write_text(folder / MAPPING, json.dumps(content, indent=1) + "\n")


def load_mapping(path: Path) -> Mapping:
    """The map that `Mapping.save` wrote.

    Raises:
        DataError: not there, or something else.
    """
    try:
        knots = json.loads(path.read_text(encoding="utf-8"))["knots"]
        mapping = Mapping(tuple(knots), np.zeros((1, len(knots))))
        mapping.knots = [(np.array(own["value"]), np.array(own["quantile"])) for own in knots.values()]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: not a map of live_generator ({error}); generate with --label regress"
        ) from error
    return mapping


def fit_mapping(metrics: Sequence[str], records: Sequence[Record]) -> Mapping:
    """The map that the distorted images among `records` give."""
    return Mapping(metrics, np.array([each.quality for each in records if not each.is_reference]))


def rated(records: Sequence[Record], mapping: Mapping) -> list[tuple[Record, float]]:
    """Every record with its pseudo-MOS; references have 5."""
    scores = mapping.mos(np.array([record.quality for record in records]))
    return [
        (record, HIGH if record.is_reference else float(score))
        for record, score in zip(records, scores, strict=True)
    ]


def pairs_across_types(
    records: Sequence[Record], mapping: Mapping, gap: float
) -> list[tuple[Record, Record]]:
    """(better, worse) pairs of one scene and two types on which all metrics agree.

    Every metric must put the better one higher by `gap` or more on its scale of quantiles.
    """
    scenes: dict[str, list[Record]] = {}
    for record in records:
        if not record.is_reference:
            scenes.setdefault(record.scene, []).append(record)
    pairs = []
    for members in scenes.values():
        quantiles = mapping.quantiles(np.array([record.quality for record in members]))
        clear = (quantiles[:, None] - quantiles[None] >= gap).all(axis=2)
        for i, j in np.argwhere(clear).tolist():
            if members[i].distortion_type != members[j].distortion_type:
                pairs.append((members[i], members[j]))
    return pairs
