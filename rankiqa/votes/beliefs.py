"""What is believed of the scores between two fits of the scale: each answer moves it at once."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from rankiqa.votes.links import normal_cdf, terms
from rankiqa.votes.scale import Scale

_STEPS = 25  # of Newton's method in one dimension; five are usual
_GRID = np.linspace(0.0, 8.0, 1025)  # deviations; beyond, an answer is foreseen
_LEAST = 1e-12  # of a variance


@dataclass
class Beliefs:
    """Gaussian posterior of n scores, in units of the probit link (`rankiqa.votes.links`).

    Attributes:
        mean: (n,) higher = better.
        covariance: (n, n).
    """

    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def before(cls, prior_mean: np.ndarray, prior_std: float) -> "Beliefs":
        """Without any answer."""
        return cls(prior_mean.astype(np.float64), np.eye(len(prior_mean)) * prior_std**2)

    @classmethod
    def of(cls, scale: Scale) -> "Beliefs":
        """Those of a fit to all answers; copies, as answers move them."""
        return cls(scale.mean.copy(), scale.covariance.copy())

    def copy(self) -> "Beliefs":
        """Some that are moved by themselves."""
        return Beliefs(self.mean.copy(), self.covariance.copy())

    def difference(self, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance, each (P,), of score(first) - score(second)."""
        own = self.covariance.diagonal()
        variance = own[first] + own[second] - 2 * self.covariance[first, second]
        return self.mean[first] - self.mean[second], np.maximum(variance, _LEAST)

    def learn(self, first: int, second: int, share: float) -> None:
        """Move them by an answer: 1 for `first`, 0 for `second`, 0.5 for a tie.

        Laplace's approximation along the one direction that the answer tells of: O(n^2), where a fit of all
        answers (`rankiqa.votes.scale.fit_scale`) is O(n^3).
        """
        column = self.covariance[:, first] - self.covariance[:, second]
        variance = max(float(column[first] - column[second]), _LEAST)
        mean = float(self.mean[first] - self.mean[second])
        at, shares = np.array([mean]), np.array([share])
        for _ in range(_STEPS):
            found = terms(at, shares, "probit")
            step = (found.slope - (at - mean) / variance) / (found.curvature + 1 / variance)
            at = at + step
            if abs(float(step[0])) < 1e-8:
                break
        curvature = float(terms(at, shares, "probit").curvature[0])
        self.mean += column * ((float(at[0]) - mean) / variance)
        self._shrink(column, curvature / (1 + curvature * variance))

    def expect(self, first: int, second: int) -> np.ndarray:
        """Take away the variance that an answer is expected to take, whichever it will be.

        Returns:
            (n,) standard deviation, with a common sign, by which that answer will move the means.
        """
        column = self.covariance[:, first] - self.covariance[:, second]
        mean, variance = self.difference(np.array([first]), np.array([second]))
        factor = float(expected_shrinkage(mean, variance)[0])
        self._shrink(column, factor)
        return column * np.sqrt(factor)

    def _shrink(self, column: np.ndarray, factor: float) -> None:
        self.covariance -= np.outer(column * factor, column)


def expected_shrinkage(mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """r (P,): an answer on a pair is expected to take r * c^2 of the variance of what has the covariance c
    with the difference of the pair.

    For a difference N(mean, variance) and answers by Phi this is exact: r = phi(z)^2 / ((1 + variance)
    Phi(z) Phi(-z)), z = mean / sqrt(1 + variance), from the moments of a Gaussian times Phi (Rasmussen &
    Williams 2006, section 3.9). It falls to 0 for pairs whose answer is foreseen.

    Args:
        mean: (P,) of the differences.
        variance: (P,) of the differences.
    """
    total = 1 + variance
    return np.interp(np.abs(mean) / np.sqrt(total), _GRID, _at_one(), right=0.0) / total


@cache
def _at_one() -> np.ndarray:
    return np.exp(-(_GRID**2)) / (2 * np.pi * normal_cdf(_GRID) * normal_cdf(-_GRID))
