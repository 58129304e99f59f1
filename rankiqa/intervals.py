"""Intervals: where the label of an unseen image lies around its score, by split-conformal quantiles.

`metrics.conformal` takes them from labels; they travel in the ModelSpec. Importing this loads no NumPy.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import chain
from typing import TYPE_CHECKING, Any

from rankiqa.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

COVERAGE = 0.9  # unless another one is asked for
NO_SPREAD = "none"
SPREADS = (NO_SPREAD, "score", "crops", "ratings")
_NO_INTERVALS = "this model holds no intervals; main.py --calibrate stores them (docs/intervals.md)"


@dataclass(frozen=True)
class Intervals:
    """Quantiles of the errors |label - score| of images that training has not seen.

    The score decides about the group of an image, its spread about the unit of the quantile (Lei et al. 2018,
    Distribution-free predictive inference for regression, section 5.2; groups: Vovk 2012, Conditional
    validity of inductive conformal predictors).

    Attributes:
        spread: what the errors were divided by a function of: the "score", the deviation over "crops", the
            deviation of the distribution over "ratings", or "none".
        knots: (value, typical error) of that function, linear between them, values rising; () for "none".
        bounds: scores between the groups, rising.
        coverages: (L,) nominal shares in (0, 1), rising.
        quantiles: (groups, L), of errors in units of the spread.
        ends: lowest and highest label that was seen, behind which no interval goes.
        images, scenes: how many the quantiles come from.
    """

    spread: str
    knots: tuple[tuple[float, float], ...]
    bounds: tuple[float, ...]
    coverages: tuple[float, ...]
    quantiles: tuple[tuple[float, ...], ...]
    ends: tuple[float, float]
    images: int
    scenes: int

    def around(
        self, signals: "Mapping[str, np.ndarray]", coverage: float = COVERAGE
    ) -> "tuple[np.ndarray, np.ndarray]":
        """Low and high ends, float64 (M,) each, with the score between them.

        Args:
            signals: (M,) values of "score", and of what `spread` names.
            coverage: nominal share of images whose label lies inside.

        Raises:
            ConfigError: no such coverage is stored.
        """
        import numpy as np

        place = self._place(coverage)
        scores = np.asarray(signals["score"], np.float64)
        widths = np.array([row[place] for row in self.quantiles])[self.groups(scores)]
        if self.spread != NO_SPREAD:
            widths = widths * self.typical_error(signals[self.spread])
        low, high = (np.clip(ends, *self.ends) for ends in (scores - widths, scores + widths))
        return np.minimum(low, scores), np.maximum(high, scores)

    def groups(self, scores: "np.ndarray") -> "np.ndarray":
        """int (M,): the group of each score, 0 the lowest."""
        import numpy as np

        return np.searchsorted(np.array(self.bounds), np.asarray(scores, np.float64), side="right")

    def typical_error(self, values: "np.ndarray") -> "np.ndarray":
        """float64 (M,): the function of `knots`, constant outside of them."""
        import numpy as np

        return np.interp(np.asarray(values, np.float64), *np.array(self.knots).T)

    def nominal(self, coverage: float) -> float:
        """The stored coverage that is used for one that was asked for: the lowest that is not below it.

        Raises:
            ConfigError: it is above all of them.
        """
        return self.coverages[self._place(coverage)]

    def _place(self, coverage: float) -> int:
        for place, stored in enumerate(self.coverages):
            if stored >= coverage - 1e-9:
                return place
        raise ConfigError(
            f"--coverage {coverage:g}: this model has intervals up to {self.coverages[-1]:g}, which is what "
            f"its {self.images} labelled images of {self.scenes} scenes allow; calibrate it with more of them"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and strings."""
        return {item.name: _plain(getattr(self, item.name)) for item in fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Intervals":
        """The inverse of `to_dict`; unknown keys are left out.

        Raises:
            ValueError, TypeError, KeyError: other values.
        """
        intervals = cls(**{item.name: _frozen(values[item.name]) for item in fields(cls)})
        if not intervals._is_sound():
            raise ValueError("its intervals are none")
        return intervals

    def _is_sound(self) -> bool:
        numbers = [*self.bounds, *self.ends, *chain(*self.knots, *self.quantiles)]
        return (
            self.spread in SPREADS
            and (self.spread == NO_SPREAD) == (not self.knots)
            and all(len(knot) == 2 and knot[1] > 0 for knot in self.knots)
            and list(self.bounds) == sorted(self.bounds)
            and len(self.quantiles) == len(self.bounds) + 1
            and all(0 < share < 1 for share in self.coverages)
            and list(self.coverages) == sorted(set(self.coverages)) != []
            and all(len(row) == len(self.coverages) and min(row) >= 0 for row in self.quantiles)
            and len(self.ends) == 2
            and self.ends[0] <= self.ends[1]
            and all(map(math.isfinite, numbers))
        )


def require_coverage(intervals: Intervals | None, coverage: float) -> None:
    """Find out whether a model can give intervals of a coverage that was asked for.

    Raises:
        ConfigError: it can't; the message says what would be right.
    """
    if intervals is None:
        raise ConfigError(f"--coverage {coverage:g}: {_NO_INTERVALS}")
    intervals.nominal(coverage)


def in_words(intervals: Intervals | None) -> str:
    """What a model can promise, for people."""
    if intervals is None:
        return "none"
    first, last = intervals.coverages[0], intervals.coverages[-1]
    spread = "" if intervals.spread == NO_SPREAD else f", scaled by the {intervals.spread}"
    return (
        f"of {first:.0%} to {last:.0%} coverage, from {intervals.images} images of {intervals.scenes} "
        f"scenes{spread}"
    )


def _plain(value: Any) -> Any:
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def _frozen(value: Any) -> Any:
    return tuple(_frozen(one) for one in value) if isinstance(value, list | tuple) else value
