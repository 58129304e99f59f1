"""Which pair to ask next: the one whose answer is expected to settle the order of the images most.

Active choice as in ASAP (Mikhailiuk et al. 2020), with the order in place of the scores: what is to become
small is the expected squared error of the ranks, which is what Spearman's correlation counts. Pairs that are
being asked count as answered, with their answer left open, so that several raters never get the same pair.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np

from rankiqa.votes.beliefs import Beliefs, expected_shrinkage
from rankiqa.votes.splits import SHARES

MOST_PAIRS = 10_000  # that are looked at: all pairs up to 141 images, of more images some at random
FINALISTS = 200  # those that tell most of themselves; of these the effect on all ranks is computed

Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Chooser:
    """Rule by which pairs are chosen.

    Attributes:
        at_random: all of them at random, for comparison.
        parts: (n,) split of each image (`rankiqa.votes.splits`): a pair lies in one, and each split gets its
            share of the pairs. Those to validate and to test are drawn at random, since the pairs that tell
            most are the close ones, on which a model is right less often. None: any two images make a pair.
    """

    at_random: bool = False
    parts: np.ndarray | None = None

    def next(
        self,
        beliefs: Beliefs,
        images: np.ndarray,
        taken: Collection[Pair],
        pending: Iterable[Pair],
        rng: np.random.Generator,
    ) -> tuple[Pair, bool] | None:
        """The pair to ask next and whether it is a random one; arguments as of `best_pair`."""
        for part in self._order(rng):
            own = images if self.parts is None else images[self.parts[images] == part]
            at_random = self.at_random or part > 0
            if at_random:
                pair = random_pair(own, taken, rng)
            else:
                pair = best_pair(beliefs, own, taken, pending, rng)
            if pair is not None:
                return pair, at_random
        return None

    def _order(self, rng: np.random.Generator) -> list[int]:
        """Splits, the one whose turn it is first; the others follow where it has no pair left."""
        if self.parts is None:
            return [0]
        first = int(rng.choice(len(SHARES), p=SHARES))
        return sorted(range(len(SHARES)), key=lambda part: part != first)


ANY_PAIR = Chooser()


def best_pair(
    beliefs: Beliefs,
    images: np.ndarray,
    taken: Collection[Pair],
    pending: Iterable[Pair],
    rng: np.random.Generator,
) -> Pair | None:
    """The pair of image numbers to ask next, the lower number first; None where all pairs are taken.

    Args:
        beliefs: what is known of the scores; left as they are.
        images: (K,) numbers of the images that may be asked, ascending.
        taken: pairs, lower number first, that are not to be asked.
        pending: pairs whose answer is awaited.
        rng: chooses the pairs that are looked at, and among equals.
    """
    beliefs = beliefs.copy()
    for pair in pending:
        beliefs.expect(*pair)
    first, second = _free(*_candidates(images, rng), taken, len(beliefs.mean))
    if not len(first):
        return None
    mean, variance = beliefs.difference(first, second)
    told = variance * expected_shrinkage(mean, variance)
    if len(told) > FINALISTS:
        kept = np.argpartition(told, -FINALISTS)[-FINALISTS:]
        first, second = first[kept], second[kept]
    gains = rank_gains(beliefs, first, second)
    best = int(np.argmax(gains * (1 + 1e-6 * rng.random(len(gains)))))
    return int(first[best]), int(second[best])


def random_pair(images: np.ndarray, taken: Collection[Pair], rng: np.random.Generator) -> Pair | None:
    """A pair at random, for comparison; arguments and result as of `best_pair`."""
    count = int(images.max(initial=0)) + 1
    first, second = _free(*_candidates(images, rng), taken, count)
    if not len(first):
        return None
    place = int(rng.integers(len(first)))
    return int(first[place]), int(second[place])


def rank_gains(beliefs: Beliefs, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(P,) by how much an answer on each pair is expected to lower the sum of squared errors of all ranks.

    The expected rank of an image is a sum of Phi over all others. Its derivatives make the errors of ranks a
    linear function L of those of scores (delta method), so an answer takes r * |L c|^2, where c (n,) are the
    covariances with the difference of the pair and r is `expected_shrinkage`.
    """
    columns = beliefs.covariance[first] - beliefs.covariance[second]
    density = rank_density(beliefs)
    moved = columns * density.sum(axis=1) - columns @ density
    return expected_shrinkage(*beliefs.difference(first, second)) * (moved**2).sum(axis=1)


def rank_density(beliefs: Beliefs) -> np.ndarray:
    """(n, n) density, at 0, of the difference of each two scores; 0 on the diagonal."""
    own = beliefs.covariance.diagonal()
    variance = np.maximum(own[:, None] + own - 2 * beliefs.covariance, 1e-12)
    np.fill_diagonal(variance, np.inf)
    apart = beliefs.mean[:, None] - beliefs.mean
    return np.exp(-0.5 * apart**2 / variance) / np.sqrt(2 * np.pi * variance)


def _candidates(images: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    count = len(images)
    if count * (count - 1) // 2 <= MOST_PAIRS:
        first, second = np.triu_indices(count, 1)
    else:
        drawn = np.sort(rng.integers(count, size=(2, MOST_PAIRS)), axis=0)
        first, second = drawn[:, drawn[0] != drawn[1]]
    return images[first], images[second]


def _free(
    first: np.ndarray, second: np.ndarray, taken: Collection[Pair], count: int
) -> tuple[np.ndarray, np.ndarray]:
    if not taken:
        return first, second
    keys = np.array(sorted(low * count + high for low, high in taken))
    free = ~np.isin(first * count + second, keys)
    return first[free], second[free]
