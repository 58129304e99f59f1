"""Pair accuracy by distortion type and level, where the generator's manifest.csv lies beside label.txt."""

import csv
from pathlib import Path

import numpy as np

from applications.evaluation import Predictions
from dataloader.labels import Labels
from metrics.pair_accuracy import PairAccuracy, pair_accuracy


def by_type_and_level(
    labels: Labels, result: Predictions, label_file: Path
) -> dict[tuple[str, int], PairAccuracy]:
    """{(type, level of the worse image): counts}, types in order; empty without a manifest."""
    manifest = label_file.parent / "manifest.csv"
    if labels.task != "rank" or not manifest.is_file():
        return {}
    kinds = _read(manifest)
    known = np.array([kinds.get(name, ("", -1))[1] for name in labels.names])
    types = np.array([kinds.get(name, ("", -1))[0] for name in labels.names])
    pairs = labels.images[result.rows]
    pairs = pairs[known[pairs[:, 1]] > 0]
    groups = {}
    for kind in sorted(set(types[pairs[:, 1]])):
        for level in sorted(set(known[pairs[types[pairs[:, 1]] == kind, 1]])):
            own = pairs[(types[pairs[:, 1]] == kind) & (known[pairs[:, 1]] == level)]
            groups[kind, int(level)] = pair_accuracy(result.scores[own[:, 0]], result.scores[own[:, 1]])
    return groups


def _read(manifest: Path) -> dict[str, tuple[str, int]]:
    with manifest.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines)
        return {row["path"]: (row["type"], int(float(row["level"] or 0))) for row in rows}
