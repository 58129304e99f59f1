"""Bootstrap intervals: how far a figure would move with another sample of images."""

import warnings
from collections.abc import Callable

import numpy as np


def bootstrap_interval(
    metric: Callable[..., float],
    *arrays: np.ndarray,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """The percentile interval (Efron 1979) of `metric(*arrays)` over rows drawn with replacement.

    Args:
        metric: takes arrays of shape (N, ...) and gives a number.
        arrays: (N, ...) each; the same rows are drawn from all.
        resamples: draws; the ones on which the metric is undefined are left out.
        level: of confidence.
        seed: of the draws, so that a report can be repeated.

    Returns:
        (low, high), NaN twice when the metric is undefined on more than half of the draws.
    """
    rng = np.random.default_rng(seed)
    count = len(arrays[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        draws = [rng.integers(0, count, count) for _ in range(resamples)]
        values = np.array([metric(*(array[rows] for array in arrays)) for rows in draws])
    values = values[np.isfinite(values)]
    if len(values) * 2 < resamples:
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
