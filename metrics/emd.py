"""Distances between distributions of ratings, and the accuracy at the middle of the scale."""

import numpy as np


def emd(probs: np.ndarray, hist: np.ndarray, r: float) -> np.ndarray:
    """(B,) earth mover's distances normalised by the number of bins (Talebi & Milanfar, TIP 2018, eq. 1).

    Args:
        probs, hist: (B, N) distributions that sum to one.
        r: 1 or 2; figures of the two are not comparable, so reports name it.
    """
    gap = np.cumsum(probs, axis=1, dtype=np.float64) - np.cumsum(hist, axis=1, dtype=np.float64)
    return np.mean(np.abs(gap) ** r, axis=1) ** (1 / r)


def mean_rating(hist: np.ndarray) -> np.ndarray:
    """(B,) means of (B, N) distributions over the ratings 1..N."""
    return hist @ np.arange(1, hist.shape[1] + 1, dtype=np.float64)


def middle_accuracy(predicted: np.ndarray, actual: np.ndarray, bins: int) -> float:
    """Share of images that both (N,) means put on the same side of the middle of 1..`bins`.

    The two-class accuracy of the AVA papers, whose cut is "mean above 5" on 1..10; here the cut is the middle
    of the scale, (1 + bins) / 2, the upper side including neither.
    """
    middle = (1 + bins) / 2
    return float(np.mean((np.asarray(predicted) > middle) == (np.asarray(actual) > middle)))
