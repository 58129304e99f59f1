"""The figures of a test, each with its bootstrap interval."""

import numpy as np

from applications.evaluation import Predictions
from dataloader.groups import scenes_of
from dataloader.labels import Labels
from metrics.bootstrap import Interval, bootstrap_intervals
from metrics.task import emd_metrics, fitted_metrics, regress_metrics

FIT_RESAMPLES = 200  # each is a search of its own


def with_intervals(labels: Labels, result: Predictions) -> tuple[dict[str, float], dict[str, Interval]]:
    """All figures of the task, and the 95% intervals of those that have one.

    Images are drawn for emd and regress, whole scenes for rank: the pairs of a scene rise and fall together.
    """
    images, targets = labels.images[result.rows], labels.targets[result.rows]
    if labels.task == "rank":
        scene = scenes_of(labels.images, len(labels.paths))[images[:, 0]]
        right = result.scores[images[:, 0]] > result.scores[images[:, 1]]
        return result.figures, _scene_intervals(right, scene)
    if labels.task == "emd":
        return result.figures, bootstrap_intervals(emd_metrics, result.probs[images[:, 0]], targets)
    scores = result.scores[images[:, 0]]
    figures = {**result.figures, **fitted_metrics(scores, targets)}
    return figures, {
        **bootstrap_intervals(regress_metrics, scores, targets),
        **bootstrap_intervals(fitted_metrics, scores, targets, resamples=FIT_RESAMPLES),
    }


def _scene_intervals(right: np.ndarray, scene: np.ndarray) -> dict[str, Interval]:
    _, place = np.unique(scene, return_inverse=True)
    counts = np.bincount(place, weights=right), np.bincount(place)
    return bootstrap_intervals(lambda hits, pairs: {"pair_accuracy": hits.sum() / pairs.sum()}, *counts)
