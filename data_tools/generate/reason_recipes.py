"""Recipes that show each family of damage about as often, alone, in twos, and not at all."""

import math
from collections.abc import Iterator

import numpy as np

from data_tools.generate.recipe_types import LEFT_OUT, SEEN, SLOW, Stages
from distortions import find_distortion, list_distortions
from distortions.reasons import NEVER, TRACES, VISIBLE, Damage, Trace, damage_of
from distortions.registry import LEVELS
from distortions.stages import Stage
from rankiqa.reasons import FAMILIES

LEAST_AREA = 224.0 * 224
# From the scene through lens, sensor and processing to the network
ORDER = (
    *("haze", "defocus", "motion_blur", "dark", "bright", "noise", "colour_cast", "halos", "enlarged"),
    *("banding", "smear", "blocks", "transmission"),
)
SLOWER = SLOW | {"kadid_quantization"}
GREY = Stage("grey")


class ReasonPlanner:
    """Draws recipes for one photograph.

    Args:
        rng: decides on everything; its state is used up in order.
        size: (height, width) of the photograph.
        perfect: False for a photograph with noise of its own, which is shrunk to half its sides.
    """

    def __init__(self, rng: np.random.Generator, size: tuple[int, int], perfect: bool) -> None:
        self._rng, self._size, self._perfect = rng, size, perfect
        known = set(list_distortions()) - LEFT_OUT
        self._types = {
            family: [kind for kind in sorted(known) if _trace(kind, family) is not None]
            for family in FAMILIES
        }

    def draw(self) -> tuple[Stages, Damage]:
        """The stages of one image, and what is known of its damage."""
        rng = self._rng
        before, after = self._frame()
        count = int(rng.choice((0, 1, 2, 3), p=(0.17, 0.45, 0.3, 0.08)))
        families = sorted(rng.choice(FAMILIES, count, replace=False), key=ORDER.index)
        damage = tuple(self._damaged(str(family)) for family in families)
        if rng.random() < 0.12 and "colour_cast" not in families:
            before = (*before, GREY)
        if not count:
            damage = (self._harmless(),)
        if rng.random() < 0.3:
            after = (*after, Stage("mirror"))
        stages = (*before, *damage, *after)
        return stages, damage_of(stages, self._size)

    def _damaged(self, family: str) -> Stage:
        """A type of `family`, mostly at levels that are seen, sometimes at lower ones."""
        rng = self._rng
        kind = str(rng.choice(self._types[family]))
        while kind in SLOWER and rng.random() < 0.7 and not SLOWER.issuperset(self._types[family]):
            kind = str(rng.choice(self._types[family]))
        trace = _trace(kind, family)
        assert trace is not None
        if rng.random() < 0.8:
            level = rng.uniform(max(1.0, trace.visible), LEVELS)
        else:
            level = rng.uniform(trace.hidden - 0.3, trace.visible)
        return at_level(kind, float(level), int(rng.integers(1, 2**31)))

    def _harmless(self) -> Stage:
        """What nobody sees: a file of high quality, or one that is cut or turned."""
        rng = self._rng
        codecs = [("jpeg", 88, 98), ("webp", 92, 99), ("avif", 85, 96)]
        choice = int(rng.integers(6))
        if choice < len(codecs):
            codec, low, high = codecs[choice]
            return Stage(codec, float(rng.integers(low, high + 1)), 0, True)
        return [Stage("shift", 1), Stage("shift", 3), Stage("mirror")][choice - len(codecs)]

    def _frame(self) -> tuple[Stages, Stages]:
        """The size before the damage, and after it."""
        rng = self._rng
        area = float(math.prod(self._size))
        before: list[Stage] = []
        if not self._perfect:
            before.append(Stage("size", 0.5))
            area /= 4
        if area > 1.1 * SEEN and rng.random() < 0.4:
            return tuple(before), (Stage("area", SEEN),)
        seen = min(area, SEEN)
        if rng.random() < 0.4:
            seen = max(LEAST_AREA, seen * rng.uniform(0.4, 1) ** 2)
        if seen < 0.95 * area:
            before.append(Stage("area", float(round(seen))))
        return tuple(before), ()


def _trace(kind: str, family: str) -> Trace | None:
    """What `kind` leaves of `family`, if it is the first that it stands for."""
    trace = TRACES[kind][0]
    return trace if trace.family == family and trace.visible != NEVER else None


def at_level(kind: str, level: float, seed: int) -> Stage:
    """A stage at a level of the ladder, which is continued in a straight line below 1."""
    if level >= 1:
        return Stage(kind, round(level, 2), seed)
    first, second = find_distortion(kind).ladder[:2]
    strength = first - (1 - level) * (second - first)
    if first > 0:
        strength = max(strength, first / 10)
    return Stage(kind, float(f"{strength:.5g}"), seed, True)


def label_of(damage: Damage) -> float:
    """A score in 1..5 that falls with the severest damage: by construction, not by any eye or metric."""
    worst = float(np.nanmax(np.append(damage.severity, 0.0)))
    return 5 - 4 * worst


def words_of(damage: Damage) -> Iterator[str]:
    """The families that are visible for certain."""
    for family, presence in zip(FAMILIES, damage.presence, strict=True):
        if presence == 1:
            yield family


def level_of(damage: Damage) -> int:
    """1..5 for the manifest by the severest damage, 0 for none."""
    worst = float(np.nanmax(np.append(damage.severity, 0.0)))
    return 0 if worst < VISIBLE else max(1, round(LEVELS * worst))
