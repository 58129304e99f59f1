"""Bootstrap intervals: how far metrics would move with another sample of images."""

import warnings
from collections.abc import Callable

import numpy as np

Interval = tuple[float, float]
RESAMPLES = 1000


def bootstrap_intervals(
    measure: Callable[..., dict[str, float]],
    *arrays: np.ndarray,
    groups: np.ndarray | None = None,
    resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Interval]:
    """The percentile interval (Efron 1979) of each metric of `measure(*arrays)`, rows drawn with replacement.

    Args:
        measure: takes arrays of shape (N, ...) and gives {name: value}.
        arrays: (N, ...) each; the same rows are drawn from all.
        groups: (N,) names of what is drawn as a whole, such as scenes: the rows of one rise and fall
            together, and drawn one by one they would make the interval too narrow (Field and Welsh,
            Bootstrapping clustered data, JRSS B 69(3), 2007).
        resamples: draws; the ones on which a metric is undefined are left out for it.
        level: of confidence.
        seed: of the draws, so that a report can be repeated.

    Returns:
        {name: (low, high)}, NaN twice for a metric that is undefined on more than half of the draws.
    """
    rng = np.random.default_rng(seed)
    draw = _drawer(len(arrays[0]), groups)
    draws: list[dict[str, float]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = list(measure(*arrays))
        for _ in range(resamples):
            rows = draw(rng)
            draws.append(measure(*(array[rows] for array in arrays)))
    return {name: _interval([draw.get(name, np.nan) for draw in draws], level) for name in names}


def _drawer(count: int, groups: np.ndarray | None) -> Callable[[np.random.Generator], np.ndarray]:
    if groups is None:
        return lambda rng: rng.integers(0, count, count)
    _, place = np.unique(groups, return_inverse=True)
    members = np.split(np.argsort(place, kind="stable"), np.cumsum(np.bincount(place))[:-1])
    return lambda rng: np.concatenate([members[k] for k in rng.integers(0, len(members), len(members))])


def _interval(values: list[float], level: float) -> Interval:
    finite = np.array([value for value in values if np.isfinite(value)])
    if len(finite) * 2 < len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
