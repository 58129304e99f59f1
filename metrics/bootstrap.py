"""Bootstrap intervals: how far figures would move with another sample of images."""

import warnings
from collections.abc import Callable

import numpy as np

Interval = tuple[float, float]


def bootstrap_intervals(
    measure: Callable[..., dict[str, float]],
    *arrays: np.ndarray,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Interval]:
    """The percentile interval (Efron 1979) of each figure of `measure(*arrays)`, rows drawn with replacement.

    Args:
        measure: takes arrays of shape (N, ...) and gives {name: value}.
        arrays: (N, ...) each; the same rows are drawn from all.
        resamples: draws; the ones on which a figure is undefined are left out for it.
        level: of confidence.
        seed: of the draws, so that a report can be repeated.

    Returns:
        {name: (low, high)}, NaN twice for a figure that is undefined on more than half of the draws.
    """
    rng = np.random.default_rng(seed)
    count = len(arrays[0])
    draws: list[dict[str, float]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = list(measure(*arrays))
        for _ in range(resamples):
            rows = rng.integers(0, count, count)
            draws.append(measure(*(array[rows] for array in arrays)))
    return {name: _interval([draw.get(name, np.nan) for draw in draws], level) for name in names}


def _interval(values: list[float], level: float) -> Interval:
    finite = np.array([value for value in values if np.isfinite(value)])
    if len(finite) * 2 < len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
