"""Metrics of several data sets: those of each, and their means."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
from torch import nn

from applications.evaluation.predictions import Predictions, evaluate_logits
from config import Config
from dataloader.label_sets import image_places
from dataloader.labels import Labels
from rankiqa.spec import ModelSpec

IN_UNITS = ("rmse", "mae", "rmse_fit")  # of the scale of a set: their means over sets would say nothing
LEAD = {"rank": "pair_accuracy", "emd": "emd_r1", "regress": "srcc"}


def evaluate_sets(
    labels: Labels, logits: np.ndarray, criterion: nn.Module, scales: Mapping[str, Mapping[str, float]]
) -> list[Predictions]:
    """The predictions of each data set of `labels`.

    Args:
        labels: of one set, or of several.
        logits: (M, N) of all of its images.
        criterion: the loss of one set.
        scales: of sets, by name; see `evaluate_logits`.

    Raises:
        DataError: of a set no row is left.
    """
    return [
        evaluate_logits(part, logits[place], criterion, scales.get(part.set_name))
        for part, place in image_places(labels)
    ]


def scales_to_judge(config: Config, spec: ModelSpec, labels: Labels) -> dict[str, dict[str, float]]:
    """name of a data set of `labels` -> the scale that the model has of it: by --scale, or of the same name.

    Raises:
        ConfigError: the model has no such --scale.
    """
    if labels.task != "regress":
        return {}
    if config.scale is not None:
        return {labels.set_name: spec.on_scale(config.scale).scales[config.scale]}
    found = {
        part.set_name: spec.scales[part.set_name] for part in labels.sets if part.set_name in spec.scales
    }
    for name in found:
        logging.info("%s: scores are on the scale that the model has learned of it", name)
    return found


def mean_metrics(
    metrics: Sequence[Mapping[str, float]], rows: Sequence[int] | None = None
) -> dict[str, float]:
    """Metric -> its mean over the sets in which it is defined, NaN where it is in none.

    Args:
        metrics: of each set; those that not all have, and those `IN_UNITS` of a scale, are left out.
        rows: of each set, by which it is weighted; None: all alike.
    """
    names = [name for name in metrics[0] if name not in IN_UNITS and all(name in one for one in metrics)]
    weights = np.ones(len(metrics)) if rows is None else np.array(rows, float)
    found = {}
    for name in names:
        values = np.array([one[name] for one in metrics])
        known = np.isfinite(values)
        found[name] = float(np.average(values[known], weights=weights[known])) if known.any() else np.nan
    return found


def joint_metrics(labels: Labels, results: Sequence[Predictions]) -> dict[str, float]:
    """The metrics of validation: of one set its own; of several the means, then the lead one of each set."""
    if not labels.parts:
        return dict(results[0].metrics)
    lead = LEAD[labels.task]
    of_sets = {
        f"{lead} {part.set_name}": result.metrics[lead]
        for part, result in zip(labels.sets, results, strict=True)
    }
    return {**mean_metrics([result.metrics for result in results]), **of_sets}
