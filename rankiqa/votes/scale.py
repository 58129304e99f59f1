"""Posterior of one score per image, given votes on pairs: Thurstone's or Bradley and Terry's model, in NumPy.

The scores have a Gaussian prior, so that an image that won every time, or was never shown, has a finite score
too; the posterior is Gaussian by Laplace's approximation at its maximum.
"""

from dataclasses import dataclass

import numpy as np

from rankiqa.votes.links import LINKS, Link, terms

STEPS = 100  # of Newton's method; five to ten are usual
CONVERGED = 1e-9  # of a score, per step


@dataclass(frozen=True)
class Scale:
    """Scores of n images.

    Attributes:
        mean: (n,) scores, higher = better, in units of the link (`rankiqa.votes.links`).
        covariance: (n, n) of the posterior. Votes tell of differences alone: how far the scale as a whole may
            be shifted comes from the prior.
        link: "probit" or "logistic".
        log_evidence: log of the probability of the votes under the prior, by Laplace's approximation, up to a
            constant of the votes; for the choice of a prior.
    """

    mean: np.ndarray
    covariance: np.ndarray
    link: Link
    log_evidence: float

    def difference(self, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of score(first) - score(second), each (P,), for pairs of image numbers."""
        variance = np.diagonal(self.covariance)
        shared = self.covariance[first, second]
        return self.mean[first] - self.mean[second], variance[first] + variance[second] - 2 * shared


@dataclass(frozen=True)
class _Pairs:
    """Each pair of images that was compared once.

    Attributes:
        first, second: (P,) image numbers.
        share: (P,) of the weight that is for `first`.
        weight: (P,) sum over the votes.
    """

    first: np.ndarray
    second: np.ndarray
    share: np.ndarray
    weight: np.ndarray


def fit_scale(
    count: int,
    first: np.ndarray,
    second: np.ndarray,
    wins: np.ndarray,
    weight: np.ndarray | None = None,
    link: Link = "probit",
    prior_mean: np.ndarray | None = None,
    prior_std: float | np.ndarray = 1.0,
    start: np.ndarray | None = None,
    prior_covariance: np.ndarray | None = None,
) -> Scale:
    """The scores with the highest posterior density, and their covariance there.

    A tie is half a vote for each: the scores of Davidson's (1970) model for ties depend on the same sums. As
    ties vary less than wins and losses, intervals are then rather too wide than too narrow.

    Args:
        count: n images, numbered 0..n-1.
        first: (V,) image of each vote.
        second: (V,) the other one.
        wins: (V,) share in [0, 1] of votes for `first`.
        weight: (V,) number of votes behind each row; None: 1.
        link: "probit" (Thurstone case V) or "logistic" (Bradley-Terry).
        prior_mean: (n,) means of the Gaussian prior; None: 0.
        prior_std: its standard deviation, a number or (n,).
        start: (n,) scores to begin at, such as those before the latest vote; None: the prior's means.
        prior_covariance: (n, n) of the prior, in place of `prior_std`; such as the posterior of other votes.

    Raises:
        ValueError: arrays of different lengths, an unknown link, a share outside [0, 1], a negative weight,
            an image number outside 0..n-1, a pair of an image with itself, a deviation that is not positive.
    """
    pairs = _checked(count, first, second, wins, weight)
    if link not in LINKS:
        raise ValueError(f"link {link!r} is none of {', '.join(LINKS)}")
    center = np.zeros(count) if prior_mean is None else np.asarray(prior_mean, dtype=np.float64)
    if center.shape != (count,):
        raise ValueError(f"the prior needs {count} means, got {center.shape}")
    scores = np.array(center if start is None else start, dtype=np.float64)
    precision, log_determinant = _precision(count, prior_std, prior_covariance)
    value, slope, information = _posterior(scores, pairs, link, center, precision)
    for _ in range(STEPS):
        step = np.linalg.solve(information, slope)
        size = 1.0
        while True:  # the density is log-concave: a step that is short enough always climbs
            moved = scores + size * step
            climbed, new_slope, new_information = _posterior(moved, pairs, link, center, precision)
            if climbed >= value - 1e-12 * abs(value) or size < 1e-6:
                break
            size /= 2
        scores, value, slope, information = moved, climbed, new_slope, new_information
        if np.abs(size * step).max(initial=0.0) < CONVERGED:
            break
    covariance = np.linalg.inv(information)
    evidence = value + 0.5 * (log_determinant - float(np.linalg.slogdet(information)[1]))
    return Scale(scores, (covariance + covariance.T) / 2, link, evidence)


def _precision(
    count: int, prior_std: float | np.ndarray, prior_covariance: np.ndarray | None
) -> tuple[np.ndarray, float]:
    """(n, n) inverse of the prior's covariance, and the log of its determinant."""
    if prior_covariance is not None:
        if prior_covariance.shape != (count, count):
            raise ValueError(f"the prior's covariance is {prior_covariance.shape}, not {(count, count)}")
        return np.linalg.inv(prior_covariance), -float(np.linalg.slogdet(prior_covariance)[1])
    spread = np.broadcast_to(np.asarray(prior_std, dtype=np.float64), (count,))
    if not (spread > 0).all():
        raise ValueError("the prior needs positive deviations")
    return np.diag(spread**-2.0), -2.0 * float(np.log(spread).sum())


def _checked(
    count: int, first: np.ndarray, second: np.ndarray, wins: np.ndarray, weight: np.ndarray | None
) -> _Pairs:
    """The votes, those on one pair together; see `fit_scale`."""
    first, second = np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64)
    wins = np.asarray(wins, dtype=np.float64)
    weights = np.ones(len(first)) if weight is None else np.asarray(weight, dtype=np.float64)
    if not first.shape == second.shape == wins.shape == weights.shape == (len(first),):
        raise ValueError("first, second, wins and weight need one value per vote")
    images = np.concatenate([first, second])
    if len(images) and not (images.min() >= 0 and images.max() < count):
        raise ValueError(f"image numbers run from 0 to {count - 1}, got {images.min()} to {images.max()}")
    if (first == second).any():
        raise ValueError("an image is compared with itself")
    if not ((wins >= 0) & (wins <= 1)).all() or not (weights >= 0).all():
        raise ValueError("shares must lie in [0, 1], weights must not be negative")
    wins = np.where(first < second, wins, 1 - wins)
    low, high = np.minimum(first, second), np.maximum(first, second)
    keys, pair = np.unique(low * count + high, return_inverse=True)
    total = np.bincount(pair, weights, minlength=len(keys))
    won = np.bincount(pair, weights * wins, minlength=len(keys))
    share = np.divide(won, total, out=np.full(len(keys), 0.5), where=total > 0)
    return _Pairs(keys // max(count, 1), keys % max(count, 1), np.clip(share, 0, 1), total)


def _posterior(
    scores: np.ndarray, pairs: _Pairs, link: Link, center: np.ndarray, precision: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """(log density up to a constant, its gradient (n,), its negated Hessian (n, n))."""
    count = len(scores)
    value, slope, curvature = (
        pairs.weight * term for term in terms(scores[pairs.first] - scores[pairs.second], pairs.share, link)
    )
    offset = scores - center
    gradient = np.bincount(pairs.first, slope, count) - np.bincount(pairs.second, slope, count)
    information = np.zeros((count, count))
    information[pairs.first, pairs.second] = -curvature  # each pair occurs once, with first < second
    information += information.T
    np.fill_diagonal(information, -information.sum(axis=1))
    pull = precision @ offset
    density = float(value.sum()) - 0.5 * float(offset @ pull)
    return density, gradient - pull, information + precision
