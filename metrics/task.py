"""The metrics of each task, their direction, and which model is the best."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from metrics.correlation import krcc, plcc, srcc
from metrics.emd import emd, mean_rating, middle_accuracy, rating_deviation
from metrics.error import mae, rmse
from metrics.logistic import fit_logistic
from metrics.pair_accuracy import PairAccuracy, pair_accuracy
from metrics.preferences import best_log_likelihood, calibration, log_likelihood


@dataclass(frozen=True)
class Pairs:
    """(R,) scores of the better and of the worse images."""

    better: np.ndarray
    worse: np.ndarray

    @cached_property
    def counted(self) -> PairAccuracy:
        """Right pairs and ties."""
        return pair_accuracy(self.better, self.worse)


@dataclass(frozen=True)
class Preferences:
    """(R, 2) pairs, (R,) shares of raters who prefer the first, (R,) votes, (R, 2) log predicted shares."""

    pairs: np.ndarray
    shares: np.ndarray
    votes: np.ndarray
    log_shares: np.ndarray


@dataclass(frozen=True)
class Distributions:
    """(R, N) predicted distributions, and rated ones or the counts of their ratings."""

    probs: np.ndarray
    hist: np.ndarray

    @cached_property
    def means(self) -> tuple[np.ndarray, np.ndarray]:
        """(R,) mean ratings, predicted and actual."""
        return mean_rating(self.probs), mean_rating(self.hist)

    @cached_property
    def deviations(self) -> tuple[np.ndarray, np.ndarray]:
        """(R,) standard deviations, predicted and actual."""
        return rating_deviation(self.probs), rating_deviation(self.hist)


@dataclass(frozen=True)
class Opinions:
    """(R,) scores and MOS."""

    scores: np.ndarray
    mos: np.ndarray


@dataclass(frozen=True)
class Metric:
    """One metric: its direction, and what computes it for each task that has it.

    Attributes:
        label: its name for people.
        higher_is_better: its direction.
        of: Pairs, Preferences, Distributions or Opinions -> the function of one.
    """

    label: str
    higher_is_better: bool
    of: Mapping[type, Callable[[Any], float]] = field(default_factory=dict)


METRICS = {
    "loss": Metric("loss", False),
    "pair_accuracy": Metric("pair accuracy", True, {Pairs: lambda rows: rows.counted.accuracy}),
    "ties": Metric("ties", False, {Pairs: lambda rows: rows.counted.ties}),
    "score_gap": Metric(
        "mean score gap",
        True,
        {Pairs: lambda rows: _mean(rows.better.astype(np.float64) - rows.worse)},
    ),
    "log_likelihood": Metric(
        "log-likelihood",
        True,
        {Preferences: lambda rows: _mean(log_likelihood(rows.log_shares, rows.shares), rows.votes)},
    ),
    "log_likelihood_best": Metric(
        "log-likelihood, best possible",
        True,
        {
            Preferences: lambda rows: _mean(
                best_log_likelihood(rows.pairs, rows.shares, rows.votes), rows.votes
            )
        },
    ),
    "calibration_error": Metric(
        "calibration error of p",
        False,
        {Preferences: lambda rows: calibration(rows.log_shares, rows.shares, rows.votes).error},
    ),
    "emd_r1": Metric("EMD, r = 1", False, {Distributions: lambda rows: _mean_emd(rows, 1)}),
    "emd_r2": Metric("EMD, r = 2", False, {Distributions: lambda rows: _mean_emd(rows, 2)}),
    "accuracy": Metric(
        "accuracy at the middle",
        True,
        {Distributions: lambda rows: middle_accuracy(rows.means[0], rows.means[1], rows.probs.shape[1])},
    ),
    "srcc": Metric(
        "SRCC",
        True,
        {Distributions: lambda rows: srcc(*rows.means), Opinions: lambda rows: srcc(rows.scores, rows.mos)},
    ),
    "plcc": Metric(
        "PLCC",
        True,
        {Distributions: lambda rows: plcc(*rows.means), Opinions: lambda rows: plcc(rows.scores, rows.mos)},
    ),
    "krcc": Metric("KRCC", True, {Opinions: lambda rows: krcc(rows.scores, rows.mos)}),
    "rmse": Metric("RMSE", False, {Opinions: lambda rows: rmse(rows.scores, rows.mos)}),
    "mae": Metric("MAE", False, {Opinions: lambda rows: mae(rows.scores, rows.mos)}),
    "srcc_std": Metric("SRCC of deviations", True, {Distributions: lambda rows: srcc(*rows.deviations)}),
    "plcc_std": Metric("PLCC of deviations", True, {Distributions: lambda rows: plcc(*rows.deviations)}),
    "plcc_fit": Metric("PLCC after the logistic fit", True),
    "rmse_fit": Metric("RMSE after the logistic fit", False),
    "reasons_loss": Metric("loss of reasons", False),
    "reasons_auc": Metric("AUC of reasons, mean", True),
    "reasons_first": Metric("right first reason", True),
    "reasons_both": Metric("both of two reasons", True),
    "reasons_clean": Metric("clean without reason", True),
}


def _mean(values: np.ndarray, weights: np.ndarray | None = None) -> float:
    return float(np.average(values, weights=weights)) if len(values) else math.nan


def _mean_emd(rows: Distributions, r: float) -> float:
    return float(emd(rows.probs, rows.hist, r).mean())


def _measured(rows: Pairs | Preferences | Distributions | Opinions) -> dict[str, float]:
    """Every metric of `METRICS` that these rows have."""
    return {name: metric.of[type(rows)](rows) for name, metric in METRICS.items() if type(rows) in metric.of}


def rank_metrics(scores: np.ndarray, pairs: np.ndarray) -> dict[str, float]:
    """Metrics of (M,) scores over (R, 2) pairs of images (better, worse)."""
    return _measured(Pairs(scores[pairs[:, 0]], scores[pairs[:, 1]]))


def preference_metrics(rows: Preferences) -> dict[str, float]:
    """Metrics of predicted shares of raters, means over votes."""
    return _measured(rows)


def emd_metrics(probs: np.ndarray, hist: np.ndarray) -> dict[str, float]:
    """Metrics of (R, N) predicted distributions against (R, N) rated ones, or the counts of their ratings."""
    return _measured(Distributions(probs, hist))


def regress_metrics(scores: np.ndarray, mos: np.ndarray) -> dict[str, float]:
    """Metrics of (R,) scores against (R,) MOS, raw."""
    return _measured(Opinions(scores, mos))


def fitted_metrics(scores: np.ndarray, mos: np.ndarray) -> dict[str, float]:
    """PLCC and RMSE after the monotonic logistic fit; empty when there is no fit."""
    fit = fit_logistic(scores, mos)
    if fit is None:
        return {}
    return {"plcc_fit": plcc(fit(scores), mos), "rmse_fit": rmse(fit(scores), mos)}


def best_key(task: str, metrics: dict[str, float]) -> tuple[float, float]:
    """A tuple that is greater for a better model (docs/architecture.md).

    rank: highest pair accuracy; where shares of raters are predicted, the lowest loss, then the highest pair
    accuracy. emd: lowest EMD (r = 1). regress: highest SRCC, of which any is better than an undefined one. Of
    equal ones the lowest loss. SRCC is rounded: its last digits depend on the order of a
    sum.
    """
    loss = _finite(-metrics["loss"])
    if task == "rank" and "log_likelihood" in metrics:
        return loss, _finite(metrics["pair_accuracy"])
    if task == "rank":
        return _finite(metrics["pair_accuracy"]), loss
    if task == "emd":
        return _finite(-metrics["emd_r1"]), loss
    return (1 + round(metrics["srcc"], 12) if math.isfinite(metrics["srcc"]) else -1.0), loss


def _finite(value: float) -> float:
    return value if math.isfinite(value) else -math.inf
