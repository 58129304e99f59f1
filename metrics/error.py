"""Errors in units of the MOS."""

import numpy as np


def rmse(predicted: np.ndarray, actual: np.ndarray) -> float:
    """Root of the mean squared difference of two (N,) arrays."""
    return float(np.sqrt(np.mean(np.square(_difference(predicted, actual)))))


def mae(predicted: np.ndarray, actual: np.ndarray) -> float:
    """Mean absolute difference of two (N,) arrays."""
    return float(np.mean(np.abs(_difference(predicted, actual))))


def _difference(predicted: np.ndarray, actual: np.ndarray) -> np.ndarray:
    predicted, actual = np.asarray(predicted, np.float64), np.asarray(actual, np.float64)
    if predicted.shape != actual.shape or predicted.ndim != 1:
        raise ValueError(f"shapes {predicted.shape} and {actual.shape}, expected (N,) twice")
    return predicted - actual
