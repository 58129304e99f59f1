"""From a difference of two scores to the probability that the first image is preferred, in NumPy alone.

`probit` is Thurstone's case V (Thurstone 1927, "A law of comparative judgment"): P = Phi(d), in units of
the standard deviation of the difference of two impressions. `logistic` is Bradley & Terry 1952:
P = 1 / (1 + exp(-d)).
"""

import math
from typing import Literal, NamedTuple

import numpy as np

Link = Literal["probit", "logistic"]
LINKS: tuple[Link, ...] = ("probit", "logistic")
_FAR = -30.0  # below, the normal tail is its asymptotic series, whose error is under 1e-8 of its second term
_erfc = np.frompyfunc(math.erfc, 1, 1)


class Terms(NamedTuple):
    """What a vote adds to a likelihood, for one share of preference.

    Attributes:
        value: log-likelihood.
        slope: its first derivative by the difference of scores.
        curvature: its second derivative, negated; never negative, as both links are log-concave.
    """

    value: np.ndarray
    slope: np.ndarray
    curvature: np.ndarray


def preference(difference: np.ndarray, link: Link) -> np.ndarray:
    """Probability in [0, 1] that the first image is preferred, of score(first) - score(second)."""
    difference = np.asarray(difference, dtype=np.float64)
    return normal_cdf(difference) if link == "probit" else np.exp(-np.logaddexp(0.0, -difference))


def normal_cdf(values: np.ndarray) -> np.ndarray:
    """Phi, to the precision of `math.erfc`."""
    values = np.asarray(values, dtype=np.float64)
    return 0.5 * np.asarray(_erfc(-values / math.sqrt(2.0)), dtype=np.float64)


def terms(difference: np.ndarray, share: np.ndarray, link: Link) -> Terms:
    """share * log P(d) + (1 - share) * log P(-d), with derivatives by d.

    Args:
        difference: (V,) score(first) - score(second).
        share: (V,) in [0, 1], of votes for the first; a tie is 0.5.
        link: see the top of this file.
    """
    if link == "logistic":
        probs = preference(difference, link)
        value = -np.logaddexp(0.0, -difference) * share - np.logaddexp(0.0, difference) * (1 - share)
        return Terms(value, share - probs, probs * (1 - probs))
    log_first, hazard_first = _log_normal(difference)
    log_second, hazard_second = _log_normal(-difference)
    value = share * log_first + (1 - share) * log_second
    slope = share * hazard_first - (1 - share) * hazard_second
    curvature_first = np.clip(hazard_first * (hazard_first + difference), 0, 1)
    curvature_second = np.clip(hazard_second * (hazard_second - difference), 0, 1)
    return Terms(value, slope, share * curvature_first + (1 - share) * curvature_second)


def _log_normal(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(log Phi(x), phi(x) / Phi(x)), exact in the far tail too (Abramowitz & Stegun 1964, 26.2.12)."""
    near = np.maximum(values, _FAR)
    far = np.minimum(values, _FAR)
    inverse = far**-2.0
    series = 1 - inverse * (1 - 3 * inverse * (1 - 5 * inverse))
    half_log = 0.5 * math.log(2 * math.pi)
    log_far = -0.5 * far**2 - np.log(-far) - half_log + np.log(series)
    probs = normal_cdf(near)
    log_near = np.log(probs)
    hazard_near = np.exp(-0.5 * near**2 - half_log - log_near)
    beyond = values < _FAR
    return np.where(beyond, log_far, log_near), np.where(beyond, -far / series, hazard_near)
