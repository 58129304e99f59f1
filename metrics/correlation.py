"""Correlations between predictions and opinions: SRCC, PLCC, KRCC.

What is undefined is NaN and a warning that names the cause. A bootstrap asks a thousand times, and SciPy's
functions, which test whole hypotheses, take several times as long.
"""

import warnings
from collections.abc import Callable

import numpy as np

MATRIX = 200  # images; of more the matrix of all pairs takes longer than SciPy's merge sort


def srcc(predicted: np.ndarray, actual: np.ndarray) -> float:
    """Spearman's rank-order correlation in [-1, 1] of two (N,) arrays, ties at their average rank."""
    return _guarded(_spearman, predicted, actual, "SRCC")


def plcc(predicted: np.ndarray, actual: np.ndarray) -> float:
    """Pearson's linear correlation in [-1, 1] of two (N,) arrays."""
    return _guarded(_pearson, predicted, actual, "PLCC")


def krcc(predicted: np.ndarray, actual: np.ndarray) -> float:
    """Kendall's tau-b in [-1, 1] of two (N,) arrays."""
    return _guarded(_kendall, predicted, actual, "KRCC")


def _pearson(predicted: np.ndarray, actual: np.ndarray) -> float:
    first, second = _direction(predicted), _direction(actual)
    return min(1.0, max(-1.0, float(first @ second)))


def _direction(values: np.ndarray) -> np.ndarray:
    """(N,) -> the unit vector of the differences from the mean; scaled first, so that no square overflows."""
    scaled = values / np.abs(values).max()
    centred = scaled - scaled.mean()
    centred /= np.abs(centred).max()
    return centred / np.sqrt(centred @ centred)


def _spearman(predicted: np.ndarray, actual: np.ndarray) -> float:
    return _pearson(_ranks(predicted), _ranks(actual))


def _ranks(values: np.ndarray) -> np.ndarray:
    """(N,) ranks from 1, ties at their average rank."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]


def _kendall(predicted: np.ndarray, actual: np.ndarray) -> float:
    if len(predicted) > MATRIX:
        from scipy import stats  # its import takes longer than that of all the rest of a training

        return float(stats.kendalltau(predicted, actual, method="asymptotic").statistic)
    # Kendall 1945: the correlation of the signs of all differences
    first, second = (np.sign(values[:, None] - values) for values in (predicted, actual))
    return float((first * second).sum() / np.sqrt((first * first).sum() * (second * second).sum()))


def _guarded(
    correlate: Callable[[np.ndarray, np.ndarray], float], predicted: np.ndarray, actual: np.ndarray, name: str
) -> float:
    predicted, actual = np.asarray(predicted, np.float64), np.asarray(actual, np.float64)
    if predicted.shape != actual.shape or predicted.ndim != 1:
        raise ValueError(f"{name}: shapes {predicted.shape} and {actual.shape}, expected (N,) twice")
    reason = undefined(predicted, actual)
    if reason:
        warnings.warn(f"{name} is undefined: {reason}", stacklevel=3)
        return float("nan")
    return correlate(predicted, actual)


def undefined(predicted: np.ndarray, actual: np.ndarray) -> str:
    """Why two (N,) arrays have no correlation; empty when they have."""
    if len(predicted) < 2:
        return f"{len(predicted)} images, and two are the least"
    if not (np.isfinite(predicted).all() and np.isfinite(actual).all()):
        return "some values are not finite"
    if np.ptp(predicted) == 0:
        return f"all predictions equal {predicted[0]:g}"
    if np.ptp(actual) == 0:
        return f"all opinions equal {actual[0]:g}"
    return ""
