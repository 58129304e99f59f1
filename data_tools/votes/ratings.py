"""Raw ratings, one row per vote, as arrays; mean opinions, and differences from references."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Z95 = 1.95996  # as both recommendations have it, to their digits


@dataclass(frozen=True)
class Ratings:
    """V votes of R raters for n images; a rater may rate an image several times.

    Attributes:
        images: n paths.
        raters: R names.
        image: (V,) number of the image of each vote.
        rater: (V,) number of its rater.
        score: (V,) ratings, higher = better.
    """

    images: Sequence[str]
    raters: Sequence[str]
    image: np.ndarray
    rater: np.ndarray
    score: np.ndarray

    def where(self, kept: np.ndarray) -> "Ratings":
        """The votes where `kept` (V,) is true; images and raters keep their numbers."""
        return Ratings(self.images, self.raters, self.image[kept], self.rater[kept], self.score[kept])


@dataclass(frozen=True)
class MeanOpinions:
    """What the votes say of n images; NaN for an image without votes.

    Attributes:
        mos: (n,).
        std: (n,) standard deviation of one vote (n - 1), NaN for a single vote.
        error: (n,) standard error of `mos`.
        votes: (n,) number of votes.
    """

    mos: np.ndarray
    std: np.ndarray
    error: np.ndarray
    votes: np.ndarray

    @property
    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """(n,) ends of the 95% intervals."""
        return self.mos - Z95 * self.error, self.mos + Z95 * self.error


def mean_opinions(ratings: Ratings) -> MeanOpinions:
    """Mean opinion scores: plain means, and S / sqrt(N) as their standard errors (ITU-R BT.500, A1-2.2.1)."""
    count = len(ratings.images)
    votes = np.bincount(ratings.image, minlength=count)
    known = np.where(votes > 0, votes, np.nan)
    mos = np.bincount(ratings.image, ratings.score, count) / known
    squares = np.bincount(ratings.image, (ratings.score - mos[ratings.image]) ** 2, count)
    std = np.sqrt(squares / np.where(votes > 1, votes - 1, np.nan))
    return MeanOpinions(mos, std, std / np.sqrt(known), votes)


def differences(ratings: Ratings, reference: np.ndarray, best: float) -> tuple[Ratings, int]:
    """Differential votes, V - V(reference) + best, each of one rater (ITU-T P.910, ACR-HR).

    Args:
        ratings: of images and their references.
        reference: (n,) number of the reference of each image, -1 for an image without one; a reference itself
            has none.
        best: the highest rating of the scale, which an image that looks like its reference gets.

    Returns:
        the differential votes for images with a reference, and how many votes were left out because their
        rater did not rate the reference.
    """
    keys, row = np.unique(ratings.rater * len(ratings.images) + ratings.image, return_inverse=True)
    means = np.bincount(row, ratings.score) / np.bincount(row)
    asked = reference[ratings.image] >= 0
    wanted = ratings.rater * len(ratings.images) + reference[ratings.image]
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    rated = asked & (keys[place] == wanted)
    score = ratings.score - means[place] + best
    own = Ratings(ratings.images, ratings.raters, ratings.image, ratings.rater, score)
    return own.where(rated), int((asked & ~rated).sum())
