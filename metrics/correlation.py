"""Correlations between predictions and opinions: SRCC, PLCC, KRCC.

SciPy computes them; what is ours is the answer to undefined cases: NaN and a warning that names the cause.
"""

import warnings

import numpy as np
from scipy import stats


def srcc(predicted: np.ndarray, actual: np.ndarray) -> float:
    """Spearman's rank-order correlation in [-1, 1] of two (N,) arrays, ties at their average rank."""
    return _guarded(stats.spearmanr, predicted, actual, "SRCC")


def plcc(predicted: np.ndarray, actual: np.ndarray) -> float:
    """Pearson's linear correlation in [-1, 1] of two (N,) arrays."""
    return _guarded(stats.pearsonr, predicted, actual, "PLCC")


def krcc(predicted: np.ndarray, actual: np.ndarray) -> float:
    """Kendall's tau-b in [-1, 1] of two (N,) arrays."""
    return _guarded(stats.kendalltau, predicted, actual, "KRCC")


def _guarded(correlate, predicted: np.ndarray, actual: np.ndarray, name: str) -> float:  # type: ignore[no-untyped-def]
    predicted, actual = np.asarray(predicted, np.float64), np.asarray(actual, np.float64)
    if predicted.shape != actual.shape or predicted.ndim != 1:
        raise ValueError(f"{name}: shapes {predicted.shape} and {actual.shape}, expected (N,) twice")
    reason = undefined(predicted, actual)
    if reason:
        warnings.warn(f"{name} is undefined: {reason}", stacklevel=3)
        return float("nan")
    return float(correlate(predicted, actual).statistic)


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
