"""Is one model better than another on the same images, or was it luck?"""

import math
from typing import NamedTuple

import numpy as np
from scipy import stats


class Verdict(NamedTuple):
    """A test of the hypothesis that two models are equally good.

    Attributes:
        statistic: of the test, above 0 where the first is better.
        p_value: two-sided.
    """

    statistic: float
    p_value: float


def meng_rosenthal_rubin_test(r1: float, r2: float, r12: float, n: int) -> Verdict:
    """Two-sided z test of two correlations with the same opinions: does the one differ from the other?

    Meng, Rosenthal & Rubin, Psychological Bulletin 111(1), 1992, equations 1 to 3. It is meant for Pearson's
    of independent images; for Spearman's it is an approximation, and where many images show few scenes its p
    value is too small.

    Args:
        r1, r2: correlation of the scores of each model with the opinions, of one sign.
        r12: correlation of the scores of the two models with each other.
        n: images, at least 4.

    Returns:
        NaN twice where a correlation is undefined or 1, or there are fewer than 4 images.
    """
    if n < 4 or not all(map(math.isfinite, (r1, r2, r12))):
        return Verdict(math.nan, math.nan)
    if r12 >= 1 or max(abs(r1), abs(r2)) >= 1:
        return Verdict(math.nan, math.nan)
    mean_square = (r1**2 + r2**2) / 2
    f = min(1.0, (1 - r12) / (2 * (1 - mean_square)))
    h = (1 - f * mean_square) / (1 - mean_square)
    z = (math.atanh(r1) - math.atanh(r2)) * math.sqrt((n - 3) / (2 * (1 - r12) * h))
    return Verdict(z, float(2 * stats.norm.sf(abs(z))))


def compare_scenes(first: np.ndarray, second: np.ndarray) -> Verdict:
    """Two models that sort the pairs of the same scenes: Fisher's sign-flip test of the paired differences.

    Pairs of a scene share images, so that a test of single pairs (McNemar's) would call luck a difference
    far too often. Were the models equally good, each scene could as well have had its two counts exchanged.
    All exchanges are tried where they are few, else 9,999 drawn ones (R. A. Fisher, The Design of
    Experiments, 1935, section 21).

    Args:
        first, second: (S,) right pairs of each model in each scene.

    Returns:
        The sum of the differences over its deviation under exchange; NaN twice for fewer than two scenes.
    """
    differences = np.asarray(first, np.float64) - second
    deviation = float(np.sqrt((differences**2).sum()))
    if not deviation:
        return Verdict(0.0, 1.0)
    if len(differences) < 2:
        return Verdict(math.nan, math.nan)
    tested = stats.permutation_test(
        (differences, np.zeros_like(differences)),
        lambda one, other, axis: (one - other).sum(axis=axis),
        permutation_type="samples",
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    return Verdict(float(differences.sum()) / deviation, float(min(1.0, tested.pvalue)))
