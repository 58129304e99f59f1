"""Binomial tails, what order statistics promise by them, and exact intervals of shares; in NumPy alone.

The bounds hold for any distribution of scores: of n independent ones, the share of the population below the
k-th smallest is at most a Beta(k, n - k + 1) variable, whose tail is a binomial one (Wilks 1941,
"Determination of sample sizes for setting tolerance limits"; David & Nagaraja 2003, section 7.2).
"""

import math
from typing import NamedTuple

import numpy as np

HALVINGS = 60  # of [0, 1]: to the precision of a float


class Ranks(NamedTuple):
    """Places among the sorted scores of the good examples, 1 = the lowest.

    Attributes:
        lower: with the confidence at most the share `refused` of the population lies below this score.
        upper: with the confidence at least that share lies at this score or below.
    """

    lower: int
    upper: int


def cumulative(count: int, share: float, most: int) -> np.ndarray:
    """float64 (most + 1,): P(X <= 0), ..., P(X <= most) for X ~ Binomial(count, share).

    Args:
        count: of trials.
        share: of success, between 0 and 1, both excluded.
        most: at most `count`.
    """
    places = np.arange(most, dtype=np.float64)
    steps = np.log((count - places) / (places + 1)) + math.log(share) - math.log1p(-share)
    logs = count * math.log1p(-share) + np.concatenate([[0.0], np.cumsum(steps)])
    return np.minimum(np.cumsum(np.exp(logs)), 1.0)


def examples_needed(refused: float, confidence: float) -> int:
    """Fewest good examples that allow a threshold: the smallest n with (1 - refused)^n <= 1 - confidence."""
    return math.ceil(math.log1p(-confidence) / math.log1p(-refused) - 1e-9)


def threshold_ranks(count: int, refused: float, confidence: float) -> Ranks | None:
    """The limits of the one-sided intervals, each of `confidence`, of the quantile `refused`.

    Args:
        count: of independent examples.
        refused: share of the population, in (0, 0.5]; with such a share a sample that is large enough for
            `lower` is large enough for `upper`.
        confidence: in [0.5, 1).

    Returns:
        The largest k with P(X <= k - 1) <= 1 - confidence and the smallest m with
        P(X <= m - 1) >= confidence, X ~ Binomial(count, refused); None where the examples are too few.
    """
    if count < examples_needed(refused, confidence):
        return None
    spread = math.sqrt(count * refused * (1 - refused))
    most = min(count - 1, int(count * refused + 40 * spread + 40))
    below = cumulative(count, refused, most)
    lower = int(np.searchsorted(below, 1 - confidence, side="right"))
    upper = int(np.searchsorted(below, confidence, side="left")) + 1
    return Ranks(max(lower, 1), min(upper, count))  # where rounding decides, for the smallest samples


def exact_interval(hits: int, count: int, confidence: float) -> tuple[float, float]:
    """The Clopper-Pearson interval of a share (Clopper & Pearson 1934).

    Args:
        hits: 0..count.
        count: of independent trials, at least 1.
        confidence: of the two-sided interval.
    """
    tail = (1 - confidence) / 2
    low = _solve(hits - 1, count, 1 - tail) if hits else 0.0
    high = _solve(hits, count, tail) if hits < count else 1.0
    return low, high


def _solve(most: int, count: int, probability: float) -> float:
    """The share with P(X <= most) = probability, which falls as the share grows."""
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if cumulative(count, middle, most)[-1] > probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2
