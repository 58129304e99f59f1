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


def pair_accuracy(better: np.ndarray, worse: np.ndarray) -> PairAccuracy:
    """Compare the (R,) scores of the better images with those of the worse ones."""
    better, worse = np.asarray(better), np.asarray(worse)
    return PairAccuracy(int((better > worse).sum()), int((better == worse).sum()), len(better))
