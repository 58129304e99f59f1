"""Thresholds for each reason of damage, and for the score, under one promise for all of them together.

A fixed part of the good examples, drawn without a look at them, gives each criterion its unit: the middle of
good images and how far they spread upwards. The others are each seen by their largest excess in these units
alone, and one order statistic of it bounds the share of good images that any threshold rejects. The bound is
as exact as that of a single threshold (`rankiqa.gating.binomial`), since the units come from other examples;
a union bound over 14 criteria would need 20 times as many examples for the same promise.
"""

from typing import NamedTuple

import numpy as np

from rankiqa.gating.binomial import examples_needed, threshold_ranks
from rankiqa.gating.quality_gate import ReasonLimit

UNITS = 4  # one of so many good examples gives the units
LEAST_FOR_UNITS = 5
SPREAD = 0.9  # quantile whose distance from the median is the unit
LEAST_UNIT = 0.5  # in logits, of a family that good images never show
TINY = 1e-6  # strengths below count as that
SLACK = 1e-9  # by which thresholds are wider than the order statistic, for rounding


class Limits(NamedTuple):
    """The thresholds of a gate with reasons; see `rankiqa.gating.quality_gate.QualityGate`."""

    reject_below: float
    pass_from: float
    reasons: tuple[ReasonLimit, ...]


def examples_needed_by_reason(refused: float, confidence: float) -> int:
    """Fewest good examples of which enough are left when those for the units are taken out."""
    needed = count = examples_needed(refused, confidence)
    while left_for_threshold(count) < needed:
        count += 1
    return count


def left_for_threshold(count: int) -> int:
    """Good examples that are left for the order statistic, of `count`."""
    return max(0, count - max(LEAST_FOR_UNITS, count // UNITS))


def limits_by_reason(
    scores: np.ndarray, strengths: np.ndarray, families: tuple[str, ...], refused: float, confidence: float
) -> Limits:
    """Thresholds that together reject at most the share `refused` of good images, with the confidence.

    Args:
        scores: (n,) of independent good examples; n is at least `examples_needed_by_reason`.
        strengths: (n, K) of the families of damage, probability times severity, in 0..1.
        families: K names.
        refused, confidence: see `threshold_ranks`.
    """
    badness = np.column_stack([-scores.astype(np.float64), _logit(strengths)])
    order = np.random.default_rng(0).permutation(len(badness))
    left = left_for_threshold(len(badness))
    others, of_units = badness[order[:left]], badness[order[left:]]
    middle = np.median(of_units, axis=0)
    least = np.append(max(1e-3 * float(np.ptp(of_units[:, 0])), 1e-9), np.full(len(families), LEAST_UNIT))
    unit = np.maximum(np.quantile(of_units, SPREAD, axis=0) - middle, least)
    excess = np.sort(((others - middle) / unit).max(axis=1))[::-1]
    ranks = threshold_ranks(len(excess), refused, confidence)
    assert ranks is not None
    reject, passing = (middle + excess[rank - 1] * unit for rank in (ranks.lower, ranks.upper))
    return Limits(
        float(-reject[0]) - SLACK,
        float(-passing[0]) - SLACK,
        tuple(
            ReasonLimit(family, float(above) + SLACK, float(to) + SLACK)
            for family, above, to in zip(families, _share(reject[1:]), _share(passing[1:]), strict=True)
        ),
    )


def _logit(strengths: np.ndarray) -> np.ndarray:
    inside = np.clip(strengths.astype(np.float64), TINY, 1 - TINY)
    return np.log(inside) - np.log1p(-inside)


def _share(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))
