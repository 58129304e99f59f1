"""How settled the order of the images is, and what further answers would bring."""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from rankiqa.votes.beliefs import Beliefs
from rankiqa.votes.choose import ANY_PAIR, Chooser, Pair

CLICKS = 20
DRAWS = 64


class Outlook(NamedTuple):
    """Expected rank correlation (Spearman) of the order with the true one.

    Attributes:
        now: of the order by today's means.
        after: after CLICKS more answers.
    """

    now: float
    after: float


def outlook(
    beliefs: Beliefs,
    images: np.ndarray,
    taken: Collection[Pair],
    rng: np.random.Generator,
    chooser: Chooser = ANY_PAIR,
) -> Outlook:
    """What the posterior says of its own order, by simulation.

    Answers to come leave the covariance smaller and move the means; by how much is known beforehand, in which
    direction is drawn. The truth is drawn around the means, now and then.

    Args:
        beliefs: left as they are.
        images: numbers of those that are asked, at least 2.
        taken: pairs that are not asked again.
        rng: for the draws.
        chooser: of the pairs.
    """
    later, closed, moves = beliefs.copy(), set(taken), []
    for _ in range(CLICKS):
        # When all pairs are asked, they are asked again.
        found = chooser.next(later, images, closed, (), rng) or chooser.next(later, images, (), (), rng)
        if found is None:
            break
        pair, _ = found
        closed.add(pair)
        moves.append(later.expect(*pair))
    means = np.tile(beliefs.mean, (DRAWS, 1))
    moved = means + rng.standard_normal((DRAWS, len(moves))) @ np.array(moves) if moves else means
    now, then = (
        _correlation(at[:, images], spread.covariance[np.ix_(images, images)], rng)
        for at, spread in ((means, beliefs), (moved, later))
    )
    return Outlook(now, max(now, then))


def _correlation(means: np.ndarray, covariance: np.ndarray, rng: np.random.Generator) -> float:
    """Mean of Spearman's correlation between rows of means (D, k) and truths drawn around them."""
    count = means.shape[1]
    values, vectors = np.linalg.eigh(covariance)
    spread = vectors * np.sqrt(np.maximum(values, 0))
    truths = means + rng.standard_normal((len(means), count)) @ spread.T
    ranks, true_ranks = (values.argsort(axis=1).argsort(axis=1) for values in (means, truths))
    squares = ((ranks - true_ranks) ** 2).sum(axis=1)
    return float(np.mean(1 - 6 * squares / (count * (count**2 - 1))))
