"""Raters of single images: rejection after ITU-R BT.500, bias and inconsistency after ITU-T P.910."""

from dataclasses import dataclass

import numpy as np

from data_tools.votes.ratings import MeanOpinions, Ratings, mean_opinions

OFTEN, ONE_SIDED = 0.05, 0.3  # limits of BT.500
NORMAL = (2.0, 4.0)  # kurtosis of ratings that count as normally distributed
FAR, VERY_FAR = 2.0, np.sqrt(20.0)  # standard deviations from the mean, for these and for others
COLLAPSED = 0.01  # times the standard deviation of all votes
STEPS = 1000
CONVERGED = 1e-8  # norm of the change of all scores per step
TINY = 1e-8  # variance that keeps a rater without any residual from having infinite weight


@dataclass(frozen=True)
class Rejection:
    """Outcome of the screening of observers in ITU-R BT.500-15, A1-2.3.1.

    Attributes:
        above: (R,) P, how often a rater lies far above the others.
        below: (R,) Q, far below.
        share: (R,) (P + Q) / votes of the rater.
        asymmetry: (R,) |P - Q| / (P + Q), NaN where both are 0.
        rejected: (R,) share above 5% and asymmetry below 0.3: now too high, now too low.
    """

    above: np.ndarray
    below: np.ndarray
    share: np.ndarray
    asymmetry: np.ndarray
    rejected: np.ndarray


def reject_observers(ratings: Ratings) -> Rejection:
    """Which raters BT.500 rejects; it says to do that once, and is meant for fewer than 20 raters.

    Far is 2 standard deviations (n - 1) where the kurtosis m4 / m2^2 of the ratings of an image lies in 2..4,
    else sqrt(20). Where all would be rejected, none is.
    """
    count, raters = len(ratings.images), len(ratings.raters)
    opinions = mean_opinions(ratings)
    offset = ratings.score - opinions.mos[ratings.image]
    votes = np.maximum(opinions.votes, 1)
    second = np.bincount(ratings.image, offset**2, count) / votes
    fourth = np.bincount(ratings.image, offset**4, count) / votes
    kurtosis = np.divide(fourth, second**2, out=np.zeros(count), where=second > 0)
    normal = (kurtosis >= NORMAL[0]) & (kurtosis <= NORMAL[1])
    reach = (np.where(normal, FAR, VERY_FAR) * opinions.std)[ratings.image]
    spread = reach > 0  # where all agree, nobody lies far from the mean
    above = np.bincount(ratings.rater[spread & (offset >= reach)], minlength=raters)
    below = np.bincount(ratings.rater[spread & (offset <= -reach)], minlength=raters)
    both = above + below
    share = both / np.maximum(np.bincount(ratings.rater, minlength=raters), 1)
    asymmetry = np.divide(np.abs(above - below), both, out=np.full(raters, np.nan), where=both > 0)
    rejected = (share > OFTEN) & (asymmetry < ONE_SIDED)
    present = np.isin(np.arange(raters), ratings.rater)
    if rejected[present].all():
        rejected = np.zeros(raters, dtype=bool)
    return Rejection(above, below, share, asymmetry, rejected)


@dataclass(frozen=True)
class SubjectModel:
    """Solution of the model "vote = score of the image + bias of the rater + noise of the rater".

    Attributes:
        opinions: the scores, with the standard errors 1 / sqrt(sum 1 / inconsistency^2); `std` is that of the
            votes less the biases.
        bias: (R,) mean 0 over the raters; NaN for a rater without votes.
        inconsistency: (R,) standard deviation of the noise.
    """

    opinions: MeanOpinions
    bias: np.ndarray
    inconsistency: np.ndarray

    def collapsed(self, spread: float) -> int | None:
        """A rater whose noise the likelihood has taken to nothing, so that his votes alone are the scores.

        The likelihood has no upper limit there; few votes per rater, or one rater who is always near the
        mean, are enough.

        Args:
            spread: standard deviation of all votes.
        """
        least = int(np.nanargmin(self.inconsistency))
        return least if self.inconsistency[least] < COLLAPSED * spread else None


def subject_model(ratings: Ratings) -> SubjectModel:
    """Maximum likelihood by alternating projection (ITU-T P.910 (11/2021) Annex E, P.913 (06/2021) 12.6).

    The algorithm is that of Li, Bampis, Krasula, Janowski & Katsavounidis 2020, "A simple model for subject
    behavior in subjective experiments": an inconsistent rater gets little weight rather than none.
    """
    count, raters = len(ratings.images), len(ratings.raters)
    image, rater, score = ratings.image, ratings.rater, ratings.score
    with np.errstate(invalid="ignore", divide="ignore"):  # raters and images without votes are NaN

        def by_image(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
            return np.bincount(image, values * weights, count) / np.bincount(image, weights, count)

        def by_rater(values: np.ndarray) -> np.ndarray:
            return np.bincount(rater, values, raters) / np.bincount(rater, minlength=raters)

        mos = by_image(score, np.ones(len(score)))
        bias = by_rater(score - mos[image])
        for _ in range(STEPS):
            residual = score - mos[image] - bias[rater]
            mean = by_rater(residual)
            noise = np.sqrt(by_rater((residual - mean[rater]) ** 2))
            before = mos
            mos = by_image(score - bias[rater], 1 / (noise**2 + TINY)[rater])
            bias = by_rater(score - mos[image])
            if np.linalg.norm(np.nan_to_num(mos - before)) < CONVERGED:
                break
        error = 1 / np.sqrt(np.bincount(image, 1 / np.maximum(noise, TINY)[rater] ** 2, count))
    middle = np.nanmean(bias)
    plain = mean_opinions(Ratings(ratings.images, ratings.raters, image, rater, score - bias[rater]))
    opinions = MeanOpinions(mos + middle, plain.std, error, plain.votes)
    return SubjectModel(opinions, bias - middle, noise)
