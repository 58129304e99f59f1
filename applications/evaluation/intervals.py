"""Bootstrap intervals of the metrics of one model, and of the differences between two."""

from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np

from applications.evaluation.predictions import Predictions
from dataloader.labels import Labels
from metrics.bootstrap import RESAMPLES, Interval, bootstrap_intervals
from metrics.task import emd_metrics, fitted_metrics, regress_metrics

FIT_RESAMPLES = 200  # each is a search of its own
FIT_LEAST = 10  # images; draws of fewer hold hardly more distinct ones than the fit has parameters

Metrics = dict[str, float]


def metric_intervals(labels: Labels, result: Predictions, scenes: np.ndarray | None) -> dict[str, Interval]:
    """95% intervals of the metrics that have one.

    Args:
        labels: M images.
        result: of the model on them.
        scenes: (R,) the scene of each of `result.rows`: whole ones are drawn; None: images are drawn.
    """
    return _intervals(labels, result.rows, scenes, [result], lambda metrics: metrics)


def difference_intervals(
    labels: Labels, first: Predictions, second: Predictions, rows: np.ndarray, scenes: np.ndarray | None
) -> dict[str, Interval]:
    """95% intervals of the differences first - second over the same draws of (R,) `rows`; see above."""
    return _intervals(labels, rows, scenes, [first, second], _minus)


def _minus(first: Metrics, second: Metrics) -> Metrics:
    return {name: value - second[name] for name, value in first.items() if name in second}


def _intervals(
    labels: Labels,
    rows: np.ndarray,
    scenes: np.ndarray | None,
    results: Sequence[Predictions],
    combine: Callable[..., Metrics],
) -> dict[str, Interval]:
    """Intervals of what `combine` makes of the metrics of each result on a draw."""
    images, opinions = labels.images[rows], labels.opinions[rows]
    if labels.task == "rank":
        assert scenes is not None
        sums = [scene_sums(result.scores, images, scenes) for result in results]
        each = len(sums[0])
        return bootstrap_intervals(
            lambda *drawn: combine(
                *(metrics_of_sums(*drawn[at : at + each]) for at in range(0, len(drawn), each))
            ),
            *chain(*sums),
        )
    said = [(one.probs if labels.task == "emd" else one.scores)[images[:, 0]] for one in results]
    found: dict[str, Interval] = {}
    for measure, resamples in _measures(labels.task, len(images)).items():
        found |= bootstrap_intervals(
            lambda *drawn, of=measure: combine(*(of(one, drawn[-1]) for one in drawn[:-1])),
            *(*said, opinions),
            groups=scenes,
            resamples=resamples,
        )
    return found


def _measures(task: str, count: int) -> dict[Callable[..., Metrics], int]:
    """Metrics that are measured on `count` images of emd or regress -> draws of its bootstrap."""
    if task == "emd":
        return {emd_metrics: RESAMPLES}
    fits = {fitted_metrics: FIT_RESAMPLES} if count >= FIT_LEAST else {}
    return {regress_metrics: RESAMPLES, **fits}


def with_fit(labels: Labels, result: Predictions) -> Metrics:
    """The metrics, for regress with those after the logistic fit."""
    if labels.task != "regress":
        return result.metrics
    scores = result.scores[labels.images[result.rows, 0]]
    return {**result.metrics, **fitted_metrics(scores, labels.opinions[result.rows])}


def scene_sums(scores: np.ndarray, pairs: np.ndarray, scenes: np.ndarray) -> list[np.ndarray]:
    """Right pairs, score gaps and pairs of each scene, (S,) each: what metrics of drawn scenes need.

    Args:
        scores: (M,) of the images.
        pairs: (R, 2) indices of the better and the worse one.
        scenes: (R,) names or numbers.
    """
    better, worse = scores[pairs[:, 0]].astype(np.float64), scores[pairs[:, 1]]
    _, number = np.unique(scenes, return_inverse=True)
    return [np.bincount(number, weights=each) for each in (better > worse, better - worse)] + [
        np.bincount(number)
    ]


def metrics_of_sums(right: np.ndarray, gaps: np.ndarray, pairs: np.ndarray) -> Metrics:
    """Pair accuracy and mean score gap of scenes whose `scene_sums` these are."""
    count = pairs.sum()
    return {"pair_accuracy": float(right.sum() / count), "score_gap": float(gaps.sum() / count)}
