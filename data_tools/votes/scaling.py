"""The scale of the images that raters compared, with intervals."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from data_tools.votes.ballots import Opinions, components
from rankiqa.votes.links import Link, preference, terms
from rankiqa.votes.scale import Scale, fit_scale

SPREADS = np.geomspace(0.125, 8, 13)  # standard deviations of the prior that are tried
RANGE = (1.0, 5.0)  # of the labels for regress


@dataclass(frozen=True)
class Scaled:
    """Scores of n images.

    Attributes:
        score: (n,) in units of the link, the mean of each connected component is 0; NaN for an image without
            votes.
        low: (n,) lower end of the interval.
        high: (n,) upper end.
        mos: (n,) the score on 1..5: 1 + 4 times the mean probability of being preferred to another image of
            the component.
        opinions: (n,) number of raters' opinions on the image.
        component: (n,) see `components`.
        spread: standard deviation of the prior, of the highest evidence.
        dispersion: factor of the variances for raters' own tastes, 1 or more.
    """

    score: np.ndarray
    low: np.ndarray
    high: np.ndarray
    mos: np.ndarray
    opinions: np.ndarray
    component: np.ndarray
    spread: float
    dispersion: float


def fit_spread(
    count: int, opinions: Opinions, link: Link, spreads: np.ndarray = SPREADS
) -> tuple[Scale, float]:
    """The scale under the prior of the highest evidence among `spreads` (empirical Bayes), and that spread.

    The log evidence has one peak, so the search ends where it falls.
    """
    best: tuple[Scale, float] | None = None
    start = None
    for spread in spreads:
        scale = fit_scale(
            count, opinions.first, opinions.second, opinions.share, None, link, None, spread, start
        )
        if best is not None and scale.log_evidence < best[0].log_evidence:
            break
        best, start = (scale, float(spread)), scale.mean
    if best is None:
        raise ValueError("no spread is given")
    return best


def scale_images(count: int, opinions: Opinions, link: Link, confidence: float = 0.95) -> Scaled:
    """Scores and their intervals, each component centred.

    Args:
        count: n images.
        opinions: of the raters that count.
        link: "probit" or "logistic".
        confidence: of the intervals.
    """
    scale, spread = fit_spread(count, opinions, link)
    dispersion = _dispersion(scale, opinions)
    component = components(count, opinions.first, opinions.second)
    score, error = np.full(count, np.nan), np.full(count, np.nan)
    mos = np.full(count, np.nan)
    for number in range(component.max(initial=-1) + 1):
        own = np.flatnonzero(component == number)
        mean = scale.mean[own]
        covariance = scale.covariance[np.ix_(own, own)]
        # of the score less the mean of the component: how far all of them move together is not asked
        shared = covariance.mean(axis=0)
        variance = np.diagonal(covariance) - 2 * shared + shared.mean()
        score[own] = mean - mean.mean()
        error[own] = np.sqrt(variance * dispersion)
        wins = preference(mean[:, None] - mean, link).sum(axis=1) - 0.5  # but for the image itself
        mos[own] = RANGE[0] + (RANGE[1] - RANGE[0]) * wins / (len(own) - 1)
    reach = NormalDist().inv_cdf(0.5 + confidence / 2) * error
    counts = np.bincount(np.concatenate([opinions.first, opinions.second]), minlength=count)
    return Scaled(score, score - reach, score + reach, mos, counts, component, spread, dispersion)


def _dispersion(scale: Scale, opinions: Opinions) -> float:
    """How much more the raters differ than independent votes do, at least 1.

    A rater's own taste for an image shows in all his opinions on it, so their residuals add up. The sum of
    squares of these sums over raters and images is compared with what it is for independent votes, less what
    the fit takes away: the factor of quasi-likelihood (McCullagh & Nelder 1989, section 4.5) for clusters.
    """
    count = len(scale.mean)
    if len(np.unique(opinions.rater)) < 2:
        return 1.0
    fitted = terms(scale.mean[opinions.first] - scale.mean[opinions.second], opinions.share, scale.link)
    variance = np.diagonal(scale.covariance)
    found = expected = 0.0
    for rater in np.unique(opinions.rater):
        own = opinions.rater == rater
        first, second = opinions.first[own], opinions.second[own]
        slope, curvature = fitted.slope[own], fitted.curvature[own]
        residual = np.bincount(first, slope, count) - np.bincount(second, slope, count)
        information = np.bincount(first, curvature, count) + np.bincount(second, curvature, count)
        found += float((residual**2).sum())
        expected += float((information - information**2 * variance).sum())
    return max(1.0, found / expected) if expected > 0 else 1.0
