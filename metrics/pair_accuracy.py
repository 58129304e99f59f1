"""Share of pairs that a model puts in the right order."""

from typing import NamedTuple

import numpy as np


class PairAccuracy(NamedTuple):
    """Counts of pairs; a tie is not right."""

    right: int
    ties: int
    pairs: int

    @property
    def accuracy(self) -> float:
        """right / pairs in [0, 1], NaN without pairs."""
        return self.right / self.pairs if self.pairs else float("nan")

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """The exact interval of `accuracy` (Clopper & Pearson 1934) for pairs that are independent.

        The ends are quantiles of beta distributions (Brown, Cai & DasGupta 2001, section 4.2.1).

        Returns:
            (low, high) in [0, 1], NaN twice without pairs.
        """
        from scipy.special import betaincinv

        if not self.pairs:
            return float("nan"), float("nan")
        tail, wrong = (1 - level) / 2, self.pairs - self.right
        low = betaincinv(self.right, wrong + 1, tail) if self.right else 0.0
        high = betaincinv(self.right + 1, wrong, 1 - tail) if wrong else 1.0
        return float(low), float(high)


def pair_accuracy(better: np.ndarray, worse: np.ndarray) -> PairAccuracy:
    """Compare the (R,) scores of the better images with those of the worse ones."""
    better, worse = np.asarray(better), np.asarray(worse)
    return PairAccuracy(int((better > worse).sum()), int((better == worse).sum()), len(better))
