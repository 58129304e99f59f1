"""The metrics of a test, each with its bootstrap interval."""

from collections.abc import Callable, Sequence

import numpy as np

from applications.evaluation.groups import Origin, scenes_of_rows
from applications.evaluation.predictions import Predictions
from dataloader.labels import Labels
from metrics.bootstrap import RESAMPLES, Interval, bootstrap_intervals
from metrics.task import emd_metrics, fitted_metrics, regress_metrics

FIT_RESAMPLES = 200  # each is a search of its own
FIT_LEAST = 10  # images; draws of fewer hold hardly more distinct ones than the fit has parameters


def with_intervals(
    labels: Labels, result: Predictions, origins: Sequence[Origin]
) -> tuple[dict[str, float], dict[str, Interval]]:
    """All metrics of the task, and the 95% intervals of those that have one.

    Whole scenes are drawn where they are known: a table beside the labels names them, or, for rank, pairs tie
    their images together. Else images are drawn.
    """
    images, opinions = labels.images[result.rows], labels.opinions[result.rows]
    scenes = scenes_of_rows(labels, result.rows, origins)
    if labels.task == "rank":
        assert scenes is not None
        sums = scene_sums(result.scores, images, scenes)
        found = bootstrap_intervals(metrics_of_sums, *sums)
        return result.metrics, {"pair_accuracy": found["pair_accuracy"], "score_gap": found["score_gap"]}
    said = result.probs if labels.task == "emd" else result.scores
    found = {}
    for measure, resamples in measures_of(labels.task, len(images)).items():
        found |= bootstrap_intervals(
            measure, said[images[:, 0]], opinions, groups=scenes, resamples=resamples
        )
    return with_fit(labels, result), found


def measures_of(task: str, count: int) -> dict[Callable[..., dict[str, float]], int]:
    """What is measured on `count` images of emd or regress -> draws of its bootstrap."""
    if task == "emd":
        return {emd_metrics: RESAMPLES}
    fits = {fitted_metrics: FIT_RESAMPLES} if count >= FIT_LEAST else {}
    return {regress_metrics: RESAMPLES, **fits}


def with_fit(labels: Labels, result: Predictions) -> dict[str, float]:
    """The metrics, for regress with those after the logistic fit."""
    if labels.task != "regress":
        return result.metrics
    scores = result.scores[labels.images[result.rows, 0]]
    return {**result.metrics, **fitted_metrics(scores, labels.opinions[result.rows])}


def scene_sums(scores: np.ndarray, pairs: np.ndarray, scenes: np.ndarray) -> list[np.ndarray]:
    """Right pairs, score gaps and pairs of each scene, (S,) each: what metrics of drawn scenes need.

    Args:
        scores: (M,) of the images.
        pairs: (R, 2) places of the better and the worse one.
        scenes: (R,) names or numbers.
    """
    better, worse = scores[pairs[:, 0]].astype(np.float64), scores[pairs[:, 1]]
    _, place = np.unique(scenes, return_inverse=True)
    return [np.bincount(place, weights=each) for each in (better > worse, better - worse)] + [
        np.bincount(place)
    ]


def metrics_of_sums(right: np.ndarray, gaps: np.ndarray, pairs: np.ndarray) -> dict[str, float]:
    """Pair accuracy and mean score gap of scenes whose `scene_sums` these are."""
    count = pairs.sum()
    return {"pair_accuracy": float(right.sum() / count), "score_gap": float(gaps.sum() / count)}
