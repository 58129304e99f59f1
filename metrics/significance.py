"""Is one model better than another on the same pictures, or was it luck?"""

import math
from typing import NamedTuple

from scipy import stats


class Verdict(NamedTuple):
    """A test of the hypothesis that two models are equally good.

    Attributes:
        statistic: of the test, above 0 where the first is better.
        p_value: two-sided.
    """

    statistic: float
    p_value: float


def compare_correlations(first: float, second: float, between: float, count: int) -> Verdict:
    """Two correlations with the same opinions: does the one differ from the other?

    Meng, Rosenthal & Rubin, Psychological Bulletin 111(1), 1992, equations 1 to 3: a z test of correlated
    correlation coefficients. It is meant for Pearson's; for Spearman's it is an approximation.

    Args:
        first, second: correlation of the scores of each model with the opinions, of one sign.
        between: correlation of the scores of the two models with each other.
        count: pictures, at least 4.

    Returns:
        NaN twice where a correlation is undefined or 1, or there are fewer than 4 pictures.
    """
    if count < 4 or not all(map(math.isfinite, (first, second, between))):
        return Verdict(math.nan, math.nan)
    if between >= 1 or max(abs(first), abs(second)) >= 1:
        return Verdict(math.nan, math.nan)
    mean_square = (first**2 + second**2) / 2
    f = min(1.0, (1 - between) / (2 * (1 - mean_square)))
    h = (1 - f * mean_square) / (1 - mean_square)
    z = (math.atanh(first) - math.atanh(second)) * math.sqrt((count - 3) / (2 * (1 - between) * h))
    return Verdict(z, float(2 * stats.norm.sf(abs(z))))


def compare_hits(only_first: int, only_second: int) -> Verdict:
    """Two models that sort the same pairs: McNemar's test, exact (Biometrika 1947).

    Args:
        only_first, only_second: pairs that only the one or only the other has right.
    """
    trials = only_first + only_second
    if not trials:
        return Verdict(0.0, 1.0)
    return Verdict(
        float(only_first - only_second) / math.sqrt(trials),
        float(stats.binomtest(only_first, trials).pvalue),
    )
