"""Scales of data sets: strictly increasing maps from the score of a model to the MOS of each set.

A model that was trained on several sets has one score for all of them, and for each set a map
MOS = offset + slope * score with slope > 0 (Li, Jiang & Jiang, IJCV 2021, section 3.3: alignment of scales).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy as np

Scores = TypeVar("Scores", float, "np.ndarray")
KEYS = ("offset", "slope", "deviation")  # deviation: of the MOS that the map was learned from


def is_scale(value: Any) -> bool:
    """Whether `value` holds the parameters of a map."""
    if not isinstance(value, dict) or not set(KEYS) <= set(value):
        return False
    numbers = [value[key] for key in KEYS]
    finite = all(isinstance(number, int | float) and math.isfinite(number) for number in numbers)
    return finite and value["slope"] > 0 and value["deviation"] > 0


def to_scale(scores: Scores, scale: Mapping[str, float]) -> Scores:
    """Scores, or one score, as MOS on a scale."""
    return scores * scale["slope"] + scale["offset"]
