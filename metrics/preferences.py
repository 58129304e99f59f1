"""How well predicted shares of raters fit the shares that people gave, for pairs of images.

Which image of a pair stands first is nobody's opinion, so nothing here depends on it.
"""

from typing import NamedTuple

import numpy as np

EDGES = np.linspace(0.5, 1, 6)  # of predicted shares for the image that is predicted to be preferred


def log_likelihood(log_shares: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """(R,) mean log-likelihoods of a vote on each pair, in nats; log(1/2) = -0.693 is that of guessing.

    Args:
        log_shares: (R, 2) logarithms of the predicted shares for the first and the second image.
        shares: (R,) of raters who prefer the first.
    """
    return shares * log_shares[:, 0] + (1 - shares) * log_shares[:, 1]


def best_log_likelihood(pairs: np.ndarray, shares: np.ndarray, votes: np.ndarray) -> np.ndarray:
    """(R,) the highest `log_likelihood` that scores can reach: of the share of all votes on the same pair.

    Rows of one pair, in either order, are put together: people contradict each other there, and a model can
    give one share alone. Its mean over votes is the negative entropy of these shares.

    Args:
        pairs: (R, 2) numbers of images.
        shares, votes: (R,).
    """
    turned = pairs[:, 0] > pairs[:, 1]
    low, high = np.sort(pairs.astype(np.int64), axis=1).T
    _, which = np.unique(low * (high.max(initial=0) + 1) + high, return_inverse=True)
    of_lower = np.where(turned, 1 - shares, shares)
    together = np.bincount(which, votes * of_lower) / np.bincount(which, votes)
    pooled = together[which]
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = [
            np.where(given > 0, given * np.log(best), 0.0)
            for given, best in ((of_lower, pooled), (1 - of_lower, 1 - pooled))
        ]
    return terms[0] + terms[1]


class Calibration(NamedTuple):
    """Votes by what was predicted, (..., B) each for the B bins between `EDGES`.

    Attributes:
        votes: on pairs of the bin.
        predicted: sum over them of the predicted share for the image that is predicted to be preferred.
        observed: how many of them prefer it.
    """

    votes: np.ndarray
    predicted: np.ndarray
    observed: np.ndarray

    @property
    def error(self) -> float:
        """Mean over votes of the distance between predicted and observed share of their bin, in [0, 1].

        The expected calibration error (Naeini, Cooper & Hauskrecht, AAAI 2015, section 4) with fixed bins.
        """
        total = self.votes.sum()
        return float(np.abs(self.predicted - self.observed).sum() / total) if total else float("nan")


def calibration(
    log_shares: np.ndarray, shares: np.ndarray, votes: np.ndarray, groups: np.ndarray | None = None
) -> Calibration:
    """Votes by predicted share, (B,); with `groups` (R,), numbers from 0, of each of G groups, (G, B).

    Args:
        log_shares, shares: see `log_likelihood`.
        votes: (R,).
    """
    first = log_shares[:, 0] >= log_shares[:, 1]
    predicted = np.exp(log_shares.max(axis=1))
    observed = np.where(first, shares, 1 - shares)
    observed = np.where(log_shares[:, 0] == log_shares[:, 1], 0.5, observed)  # neither is predicted
    places = np.clip(np.searchsorted(EDGES, predicted, side="right") - 1, 0, len(EDGES) - 2)
    bins = len(EDGES) - 1
    count = 1 if groups is None else int(groups.max()) + 1
    cells = places if groups is None else groups * bins + places
    sums = [
        np.bincount(cells, weights, count * bins).reshape(count, bins)
        for weights in (votes, votes * predicted, votes * observed)
    ]
    return Calibration(*(each[0] if groups is None else each for each in sums))
