"""The metrics of each task, their direction, and which model is the best."""

import math
from typing import NamedTuple

import numpy as np

from metrics.correlation import krcc, plcc, srcc
from metrics.emd import emd, mean_rating, middle_accuracy, rating_deviation
from metrics.error import mae, rmse
from metrics.logistic import fit_logistic
from metrics.pair_accuracy import pair_accuracy


class Metric(NamedTuple):
    """A metric's name for people and its direction."""

    label: str
    higher_is_better: bool


METRICS = {
    "loss": Metric("loss", False),
    "pair_accuracy": Metric("pair accuracy", True),
    "ties": Metric("ties", False),
    "score_gap": Metric("mean score gap", True),
    "emd_r1": Metric("EMD, r = 1", False),
    "emd_r2": Metric("EMD, r = 2", False),
    "accuracy": Metric("accuracy at the middle", True),
    "srcc": Metric("SRCC", True),
    "plcc": Metric("PLCC", True),
    "krcc": Metric("KRCC", True),
    "rmse": Metric("RMSE", False),
    "mae": Metric("MAE", False),
    "srcc_std": Metric("SRCC of deviations", True),
    "plcc_std": Metric("PLCC of deviations", True),
    "plcc_fit": Metric("PLCC after the logistic fit", True),
    "rmse_fit": Metric("RMSE after the logistic fit", False),
}


def rank_metrics(scores: np.ndarray, pairs: np.ndarray) -> dict[str, float]:
    """Metrics of (M,) scores over (R, 2) pairs of images (better, worse)."""
    better, worse = scores[pairs[:, 0]], scores[pairs[:, 1]]
    counted = pair_accuracy(better, worse)
    return {
        "pair_accuracy": counted.accuracy,
        "ties": counted.ties,
        "score_gap": float(np.mean(better.astype(np.float64) - worse)),
    }


def emd_metrics(probs: np.ndarray, hist: np.ndarray) -> dict[str, float]:
    """Metrics of (R, N) predicted distributions against (R, N) rated ones, or the counts of their ratings."""
    predicted, actual = mean_rating(probs), mean_rating(hist)
    deviations = rating_deviation(probs), rating_deviation(hist)
    return {
        "emd_r1": float(emd(probs, hist, 1).mean()),
        "emd_r2": float(emd(probs, hist, 2).mean()),
        "accuracy": middle_accuracy(predicted, actual, probs.shape[1]),
        "srcc": srcc(predicted, actual),
        "plcc": plcc(predicted, actual),
        "srcc_std": srcc(*deviations),
        "plcc_std": plcc(*deviations),
    }


def regress_metrics(scores: np.ndarray, mos: np.ndarray) -> dict[str, float]:
    """Metrics of (R,) scores against (R,) MOS, raw."""
    return {
        "srcc": srcc(scores, mos),
        "plcc": plcc(scores, mos),
        "krcc": krcc(scores, mos),
        "rmse": rmse(scores, mos),
        "mae": mae(scores, mos),
    }


def fitted_metrics(scores: np.ndarray, mos: np.ndarray) -> dict[str, float]:
    """PLCC and RMSE after the monotonic logistic fit; empty when there is no fit."""
    fit = fit_logistic(scores, mos)
    if fit is None:
        return {}
    return {"plcc_fit": plcc(fit(scores), mos), "rmse_fit": rmse(fit(scores), mos)}


def best_key(task: str, metrics: dict[str, float]) -> tuple[float, float]:
    """A tuple that is greater for a better model (DESIGN section 5).

    rank: highest pair accuracy. emd: lowest EMD (r = 1). regress: highest SRCC, of which any is better than
    an undefined one. Of equal ones the lowest loss. SRCC is rounded: its last digits depend on the order of a
    sum.
    """
    loss = _finite(-metrics["loss"])
    if task == "rank":
        return _finite(metrics["pair_accuracy"]), loss
    if task == "emd":
        return _finite(-metrics["emd_r1"]), loss
    return (1 + round(metrics["srcc"], 12) if math.isfinite(metrics["srcc"]) else -1.0), loss


def _finite(value: float) -> float:
    return value if math.isfinite(value) else -math.inf
