"""Votes on pairs as arrays: who preferred which of two numbered images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rankiqa.votes.table import SHARES, SKIP, Vote


@dataclass(frozen=True)
class Ballots:
    """V votes on pairs of n images by R raters; answers "skip" are only counted.

    Attributes:
        images: n paths, sorted.
        raters: R names, sorted; "" for votes without one.
        left: (V,) number of the image on the left.
        right: (V,) of the other one.
        wins: (V,) 1 where the left image is preferred, 0.5 at a tie, 0 where the right one is.
        rater: (V,) number of the rater.
        seconds: (V,) from showing to answer, NaN where unknown.
        skips: (R,) answers "skip".
    """

    images: list[str]
    raters: list[str]
    left: np.ndarray
    right: np.ndarray
    wins: np.ndarray
    rater: np.ndarray
    seconds: np.ndarray
    skips: np.ndarray

    def __len__(self) -> int:
        return len(self.left)

    def of_raters(self, raters: Sequence[int]) -> "Ballots":
        """The votes of these raters; images and raters keep their numbers."""
        own = np.isin(self.rater, raters)
        names = ("left", "right", "wins", "rater", "seconds")
        return replace(self, **{name: getattr(self, name)[own] for name in names})


@dataclass(frozen=True)
class Opinions:
    """What each rater thinks of each pair that he saw: repeated votes of one rater are one opinion.

    Attributes:
        first: (O,) image number, below `second`.
        second: (O,).
        share: (O,) mean of the rater's votes for `first`.
        rater: (O,).
    """

    first: np.ndarray
    second: np.ndarray
    share: np.ndarray
    rater: np.ndarray


def to_ballots(votes: Sequence[Vote]) -> Ballots:
    """Number the images and raters of `votes`, in the order of the votes."""
    images = sorted({path for vote in votes for path in (vote.left, vote.right)})
    raters = sorted({vote.rater for vote in votes})
    image_number = {path: number for number, path in enumerate(images)}
    rater_number = {name: number for number, name in enumerate(raters)}
    skips = np.zeros(len(raters), dtype=np.int64)
    for vote in votes:
        skips[rater_number[vote.rater]] += vote.answer == SKIP
    cast = [vote for vote in votes if vote.answer in SHARES]
    return Ballots(
        images,
        raters,
        np.array([image_number[vote.left] for vote in cast], dtype=np.int64),
        np.array([image_number[vote.right] for vote in cast], dtype=np.int64),
        np.array([SHARES[vote.answer] for vote in cast], dtype=np.float64),
        np.array([rater_number[vote.rater] for vote in cast], dtype=np.int64),
        np.array([vote.seconds for vote in cast], dtype=np.float64),
        skips,
    )


def to_opinions(ballots: Ballots) -> Opinions:
    """One row per rater and pair.

    A rater who is asked again has the same taste: repeats say how sure he is, not what others think.
    """
    count = len(ballots.images)
    first = np.minimum(ballots.left, ballots.right)
    second = np.maximum(ballots.left, ballots.right)
    share = np.where(ballots.left < ballots.right, ballots.wins, 1 - ballots.wins)
    keys, row = np.unique((ballots.rater * count + first) * count + second, return_inverse=True)
    mean = np.bincount(row, share, len(keys)) / np.bincount(row, minlength=len(keys))
    return Opinions(keys // count % count, keys % count, mean, keys // count**2)


def components(count: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(n,) number of the connected component of each image, 0 the largest; an image without votes is -1."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    votes = coo_array((np.ones(len(first)), (first, second)), shape=(count, count))
    _, component = connected_components(votes, directed=False)
    sizes = np.bincount(component, minlength=1)
    place = np.empty(len(sizes), dtype=np.int64)
    place[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    voted = np.isin(np.arange(count), np.concatenate([first, second]))
    return np.where(voted, place[component], -1)
