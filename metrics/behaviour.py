"""Does a model say of distorted images what people would? Shares of trials that it passes."""

from dataclasses import dataclass, field

import numpy as np

TOLERANCE = 0.1  # of the spread of the scores: how far versions that look alike may lie apart


@dataclass
class Behaviour:
    """Scores of clean images and of their versions, gathered an image at a time.

    Attributes:
        ladders: type -> score arrays (L + 1,): the clean image, then levels 1 to L.
        worse: version -> (clean, version) scores.
        alike: version -> (clean, version) scores.
    """

    ladders: dict[str, list[np.ndarray]] = field(default_factory=dict)
    worse: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    alike: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def spread(self) -> float:
        """From the 5th to the 95th percentile of all scores of the ladders."""
        scores = np.concatenate([ladder for own in self.ladders.values() for ladder in own])
        low, high = np.percentile(scores, [5, 95])
        return float(high - low)

    def ordered_pairs(self) -> dict[str, float]:
        """type -> share of the pairs of levels of which the milder scores higher; level 0 is clean."""
        return {kind: float(np.mean([_in_order(one) for one in own])) for kind, own in self.ladders.items()}

    def falling_means(self) -> dict[str, bool]:
        """type -> whether the mean score of all images falls from every level to the next."""
        return {kind: bool((np.diff(np.mean(own, axis=0)) < 0).all()) for kind, own in self.ladders.items()}

    def below_clean(self) -> dict[str, float]:
        """version -> share of the images whose version scores below the clean one."""
        return {name: float(np.mean([low < high for high, low in own])) for name, own in self.worse.items()}

    def within_tolerance(self, tolerance: float = TOLERANCE) -> dict[str, float]:
        """version -> share of the images whose version scores alike, within `tolerance` of the spread."""
        allowed = tolerance * self.spread()
        return {
            name: float(np.mean([abs(one - other) <= allowed for one, other in own]))
            for name, own in self.alike.items()
        }

    def differences(self) -> dict[str, tuple[float, float]]:
        """version -> mean and largest absolute difference of the scores of versions that look alike."""
        moved = {name: np.abs(np.subtract(*np.array(own).T)) for name, own in self.alike.items()}
        return {name: (float(own.mean()), float(own.max())) for name, own in moved.items()}


def _in_order(ladder: np.ndarray) -> float:
    """Share of the L (L + 1) / 2 pairs of one ladder (L + 1,) of which the earlier scores strictly higher."""
    first, second = np.triu_indices(len(ladder), 1)
    return float((ladder[first] > ladder[second]).mean())
