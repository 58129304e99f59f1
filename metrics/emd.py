"""Distances between distributions of ratings, and the accuracy at the middle of the scale."""

from typing import Any

import numpy as np

DIGITS = 12  # of moments behind the point: float64 errs later, and different means of votes differ before


def emd(probs: np.ndarray, hist: np.ndarray, r: float) -> np.ndarray:
    """(B,) earth mover's distances normalised by the number of bins (Talebi & Milanfar, TIP 2018, eq. 1).

    Args:
        probs, hist: (B, N) distributions or counts.
        r: 1 or 2; metrics of the two are not comparable, so reports name it.
    """
    return mean_powers(shares(probs), shares(hist), r) ** (1 / r)


def mean_powers(probs: Any, hist: Any, r: float) -> Any:
    """1/N sum_k |CDF_p(k) - CDF_q(k)|^r of (B, N) distributions: the EMD before its root, (B,).

    Of arrays and tensors alike: the loss, whose root needs a gradient at 0, shares it with the metric.
    """
    gap = abs(probs.cumsum(axis=1) - hist.cumsum(axis=1))
    return (gap**r).mean(axis=1)


def shares(hist: np.ndarray) -> np.ndarray:
    """(B, N) float64 distributions that sum to one, of distributions or counts."""
    hist = np.asarray(hist, np.float64)
    return hist / hist.sum(axis=1, keepdims=True)


def mean_rating(hist: np.ndarray) -> np.ndarray:
    """(B,) float64 means of (B, N) distributions or counts of the ratings 1..N; equal ones are ties."""
    hist = np.asarray(hist, np.float64)
    return _with_ties(hist @ _ratings(hist) / hist.sum(axis=1), hist.shape[1])


def rating_deviation(hist: np.ndarray) -> np.ndarray:
    """(B,) float64 standard deviations of the same around their means; those that are equal are ties."""
    hist = np.asarray(hist, np.float64)
    squares = (_ratings(hist) - mean_rating(hist)[:, None]) ** 2
    return np.sqrt(_with_ties((hist * squares).sum(axis=1) / hist.sum(axis=1), hist.shape[1]))


def _with_ties(moments: np.ndarray, bins: int) -> np.ndarray:
    """(B,) rounded, and made equal where they differ by the errors of sums over `bins` ratings alone.

    A correlation of ranks would count these errors as an order. Rounding is not enough: two equal moments can
    lie on both sides of an edge.
    """
    rounded = np.round(moments, DIGITS)
    order = np.argsort(rounded)
    ordered = rounded[order]
    first = ~(np.diff(ordered, prepend=-np.inf) <= bins * 10.0**-DIGITS)
    rounded[order] = ordered[first][np.cumsum(first) - 1]
    return rounded


def _ratings(hist: np.ndarray) -> np.ndarray:
    return np.arange(1, hist.shape[1] + 1, dtype=np.float64)


def middle_accuracy(predicted: np.ndarray, actual: np.ndarray, bins: int) -> float:
    """Share of images that both (N,) means put on the same side of the middle of 1..`bins`.

    The two-class accuracy of the AVA papers, whose cut is "mean above 5" on 1..10; here the cut is the middle
    of the scale, (1 + bins) / 2, the upper side including neither.
    """
    middle = (1 + bins) / 2
    return float(np.mean((np.asarray(predicted) > middle) == (np.asarray(actual) > middle)))


def calibration(
    probs: np.ndarray, hist: np.ndarray, parts: int = 10
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whether predicted shares happen: all R * N of them in order, cut into equally large parts.

    The reliability diagram of Murphy & Winkler (Applied Statistics 1977), for shares of raters in place of
    events.

    Args:
        probs, hist: (R, N) predicted and rated distributions.
        parts: how many; fewer where there are fewer shares.

    Returns:
        Of each part the mean predicted share, the mean rated share, and the number of shares.
    """
    order = np.argsort(probs, axis=None, kind="stable")
    predicted = np.array_split(probs.ravel()[order].astype(np.float64), min(parts, probs.size))
    rated = np.array_split(hist.ravel()[order].astype(np.float64), len(predicted))
    means = [np.array([part.mean() for part in side]) for side in (predicted, rated)]
    return means[0], means[1], np.array([len(part) for part in predicted])
