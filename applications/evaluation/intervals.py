"""Bootstrap intervals of the metrics of one model, and of the differences between two."""

from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np

from applications.evaluation.predictions import Predictions
from dataloader.labels import Labels
from metrics.bootstrap import RESAMPLES, Interval, bootstrap_intervals
from metrics.preferences import Calibration, best_log_likelihood, calibration, log_likelihood
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
        sums = [scene_sums(labels, result, rows, scenes) for result in results]
        return _intervals_of_sums(sums, combine)
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


def _intervals_of_sums(
    sums: Sequence[list[np.ndarray]], combine: Callable[..., Metrics]
) -> dict[str, Interval]:
    """Intervals of what `combine` makes of the metrics of each result's `scene_sums`, drawn by scene."""
    ends = np.cumsum([0, *map(len, sums)])

    def measure(*drawn: np.ndarray) -> Metrics:
        return combine(*(metrics_of_sums(*drawn[ends[k] : ends[k + 1]]) for k in range(len(sums))))

    return bootstrap_intervals(measure, *chain(*sums))


def scene_sums(labels: Labels, result: Predictions, rows: np.ndarray, scenes: np.ndarray) -> list[np.ndarray]:
    """What metrics of drawn scenes need, a sum over the pairs of each of S scenes.

    Args:
        labels: of rank.
        result: of the model on them.
        rows: (R,) of the label file, all read.
        scenes: (R,) names or numbers.

    Returns:
        (S,) right pairs, score gaps and pairs, of those that are no ties, and `preference_sums` where shares
        of raters are predicted.
    """
    pairs, has_order = labels.ordered(rows)
    better, worse = (result.scores[side] for side in pairs[has_order].T)
    _, number = np.unique(scenes, return_inverse=True)
    ordered, count = number[has_order], int(number.max()) + 1
    sums = [
        np.bincount(ordered, weights=each, minlength=count)
        for each in (better > worse, better.astype(np.float64) - worse)
    ]
    sums.append(np.bincount(ordered, minlength=count))
    return sums + ([] if result.log_shares is None else preference_sums(labels, result, rows, number))


def preference_sums(
    labels: Labels, result: Predictions, rows: np.ndarray, number: np.ndarray
) -> list[np.ndarray]:
    """(S,) log-likelihoods of all votes and the best possible ones, then the (S, B) sums of `calibration`.

    Args:
        number: (R,) of the scene of each of `rows`, from 0.
    """
    assert result.log_shares is not None
    (shares, votes), log_shares = labels.opinions[rows].T, result.log_shares[rows]
    best = best_log_likelihood(labels.images[rows], shares, votes)
    sums = [np.bincount(number, votes * each) for each in (log_likelihood(log_shares, shares), best)]
    return [*sums, *calibration(log_shares, shares, votes, number)]


def metrics_of_sums(right: np.ndarray, gaps: np.ndarray, pairs: np.ndarray, *likely: np.ndarray) -> Metrics:
    """Metrics of scenes whose `scene_sums` these are."""
    count = pairs.sum()
    found = {"pair_accuracy": float(right.sum() / count), "score_gap": float(gaps.sum() / count)}
    if likely:
        model, best, *bins = likely
        drawn = Calibration(*(each.sum(axis=0) for each in bins))
        votes = drawn.votes.sum()
        found["log_likelihood"] = float(model.sum() / votes)
        found["log_likelihood_best"] = float(best.sum() / votes)
        found["calibration_error"] = drawn.error
    return found
