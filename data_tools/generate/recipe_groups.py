"""Groups of recipes of one photograph: rows whose order, or equality, is known by construction.

A group has six rows. One is the clean photograph (or a soft, dark, grey or small version of it), the others
come from it or from one another by one stage more, by one level more with all else equal, or by a change that
nobody should mind. Rows of a group follow one another in label.txt, so that they meet in one step of training
(`--group_size 6`).
"""

from collections.abc import Callable

import numpy as np

from data_tools.generate.recipe_types import (
    CAPTURE,
    CODECS,
    COLOUR_ALONE,
    EXPOSURE,
    FINE_NOISE,
    FIRST,
    LEFT_OUT,
    NETWORK,
    NOISES,
    PROCESSING,
    REPAIRS,
    SAVED_SOURCES,
    SEEN,
    SLOW,
    PlannedRow,
    Stages,
)
from distortions import SETS, find_distortion, list_distortions
from distortions.stages import Stage

SIZE = 6  # rows of a group
LEAST_AREA = 192.0 * 192


class GroupPlanner:
    """Draws groups for one photograph.

    Args:
        rng: decides on everything; its state is used up in order.
        area: pixels of the photograph.
        perfect: False for a photograph with noise of its own, which is shrunk to half its sides at least.
    """

    def __init__(self, rng: np.random.Generator, area: float, perfect: bool) -> None:
        self._rng, self._area, self._perfect = rng, area, perfect
        known = set(list_distortions())
        self._types = sorted(known - LEFT_OUT)
        self._camera = sorted(known & set(SETS["camera"]) - LEFT_OUT)

    def draw(self) -> list[PlannedRow]:
        """The rows of one group, `SIZE` of them, each after those that it refers to."""
        makers: list[tuple[Callable[[], list[PlannedRow]], float]] = [
            (self._ladder, 0.25), (self._soft_ladder, 0.23), (self._chain, 0.1), (self._codecs, 0.19),
            (self._grey, 0.08), (self._sizes, 0.09), (self._exposure, 0.06),
        ]  # fmt: skip
        shares = np.array([share for _, share in makers])
        return makers[int(self._rng.choice(len(makers), p=shares / shares.sum()))][0]()

    def _ladder(self) -> list[PlannedRow]:
        """A clean image, its equal, and four levels of one type."""
        before, after, kind = *self._frame(), self._any_type()
        if self._rng.random() < 0.25 and kind not in COLOUR_ALONE:
            before = (*before, Stage("grey"))
        rows = [PlannedRow((*before, *after))]
        rows.append(PlannedRow((*before, *after, self._harmless()), equal_to=0))
        seed = self._seed()
        for number, level in enumerate(self._levels(4)):
            parent = 0 if number == 0 else number + 1
            stages = (*before, Stage(kind, level, seed), *after)
            rows.append(PlannedRow(stages, kind, level, parent))
        return rows

    def _soft_ladder(self) -> list[PlannedRow]:
        """Three levels of damage, of noise mostly, on a photograph that is soft, dark or enlarged already.

        A network that has seen noise on sharp photographs alone takes it for detail where nothing is sharp.
        """
        before, after = self._frame()
        if self._rng.random() < 0.2:
            before = (*before, Stage("grey"))
        clean = PlannedRow((*before, *after))
        if self._rng.random() < 0.4:  # what the camera saves
            after = (Stage("jpeg", float(self._rng.integers(85, 98)), 0, True), *after)
        source = self._soft_source()
        base = (*before, source, *after)
        rows = [
            PlannedRow(base, source.name, 1.0 if source.exact else source.value),
            PlannedRow((*base, self._frame_change()), source.name, 1.0, equal_to=0),
        ]
        for number, (stage, level) in enumerate(self._added_noise()):
            stages = (*before, source, stage, *after)
            rows.append(PlannedRow(stages, stage.name, level, 0 if number == 0 else number + 1, base=0))
        return [*rows, clean]

    def _soft_source(self) -> Stage:
        rng = self._rng
        types = ["gblur", "defocus", "zoom", "underexposed", "noise_reduction"]
        name = str(rng.choice(types, p=[0.38, 0.3, 0.12, 0.12, 0.08]))
        if name in ("gblur", "defocus"):
            return Stage(name, float(f"{0.5 * 7 ** rng.uniform():.3g}"), 0, True)
        return Stage(name, round(float(rng.uniform(1, 3)), 2), self._seed())

    def _added_noise(self) -> list[tuple[Stage, float]]:
        """Three stages of one type, weakest first, with their levels."""
        rng, seed = self._rng, self._seed()
        share = rng.random()
        if share < 0.55:
            kind = str(rng.choice(list(FINE_NOISE), p=[0.6, 0.18, 0.1, 0.12]))
            return self._strengths(kind, FINE_NOISE[kind], 3, seed)
        types, odds = [*NOISES, *NETWORK, "shake"], [0.42, 0.4, 0.1, 0.05, 0.03]
        kind = str(rng.choice(NOISES, p=odds)) if share < 0.87 else self._one(types[len(NOISES) :])
        return [(Stage(kind, level, seed), level) for level in self._levels(3)]

    def _chain(self) -> list[PlannedRow]:
        """One stage more, or one level more with all else equal, is worse."""
        before, after = self._frame()
        first = self._one(FIRST if self._rng.random() < 0.6 else CAPTURE)
        second, third = self._one(CAPTURE + PROCESSING), self._one(NETWORK)
        while second == first or first in REPAIRS.get(second, ()):
            second = self._one(CAPTURE + PROCESSING)
        seeds = [self._seed() for _ in range(3)]
        a, more_a = self._two_levels(3.0)
        b, more_b = self._two_levels(4.0)
        c = round(float(self._rng.uniform(1, 4)), 2)
        one, two = Stage(first, a, seeds[0]), Stage(second, b, seeds[1])
        more_one, more_two = Stage(first, more_a, seeds[0]), Stage(second, more_b, seeds[1])

        def row(stages: Stages, parent: int, base: int | None) -> PlannedRow:
            last = more_one if more_one in stages else stages[-1]
            return PlannedRow((*before, *stages, *after), last.name, last.value, parent, base=base)

        return [
            PlannedRow((*before, *after)),
            row((one,), 0, None),
            row((one, two), 1, 1),
            row((one, more_two), 2, 1),
            row((more_one, two), 2, None),
            row((one, two, Stage(third, c, seeds[2])), 2, 2),
        ]

    def _exposure(self) -> list[PlannedRow]:
        """Too dark and too bright, twice each, and low light."""
        before, after = self._frame()
        if self._rng.random() < 0.15:
            before = (*before, Stage("grey"))
        rows = [PlannedRow((*before, *after))]
        for kind, ends in EXPOSURE.items():
            for number, (stage, level) in enumerate(self._strengths(kind, ends, 2, self._seed())):
                parent = len(rows) - 1 if number else 0
                rows.append(PlannedRow((*before, stage, *after), kind, level, parent))
        level = self._levels(1)[0]
        stage = Stage("low_light", level, self._seed())
        return [*rows, PlannedRow((*before, stage, *after), "low_light", level, 0)]

    def _codecs(self) -> list[PlannedRow]:
        """Settings of the codecs of photographs; what one does against another the metrics decide.

        In a third of the groups the photograph was too bright, too dark, soft or noisy before: what a codec
        does is worse there too.
        """
        before, after = self._frame()
        rows = [PlannedRow((*before, *after))]
        base = None
        if self._rng.random() < 0.35:
            name = str(self._rng.choice(list(SAVED_SOURCES)))
            [(source, level)] = self._strengths(name, SAVED_SOURCES[name], 1, self._seed())
            before, base = (*before, source), 1
            rows.append(PlannedRow((*before, *after), name, level, 0))
        names = sorted(CODECS)
        for codec in self._rng.choice(names, size=SIZE - len(rows), p=[0.1, 0.3, 0.2, 0.25, 0.15]):
            mild, strong = CODECS[str(codec)]
            share = float(self._rng.uniform() ** 1.5)
            setting = float(f"{mild * (strong / mild) ** share:.3g}")
            stage = Stage(str(codec), setting, 0, True)
            rows.append(PlannedRow((*before, stage, *after), str(codec), 1 + 4 * share, base or 0, base=base))
        return rows

    def _grey(self) -> list[PlannedRow]:
        """Three versions, each also in grey, which is as good."""
        before, after = self._frame()
        kind = self._any_type()
        while kind in COLOUR_ALONE:
            kind = self._any_type()
        return self._twins(before, after, kind, lambda stages: (*stages, Stage("grey")))

    def _sizes(self) -> list[PlannedRow]:
        """A clean image at three sizes, a damaged one with an equal, and more of the damage."""
        before, after = self._frame(full=True)
        kind, seed = self._any_type(), self._seed()
        low, high = self._levels(2)
        clean = (*before, *after)
        worse = (*before, Stage(kind, low, seed), *after)
        return [
            PlannedRow(clean),
            PlannedRow((*clean, Stage("size", 0.75)), equal_to=0),
            PlannedRow((*clean, Stage("size", 0.5)), equal_to=0),
            PlannedRow(worse, kind, low, 0),
            PlannedRow((*worse, self._frame_change()), kind, low, equal_to=3),
            PlannedRow((*before, Stage(kind, high, seed), *after), kind, high, 3),
        ]

    def _twins(
        self, before: Stages, after: Stages, kind: str, change: Callable[[Stages], Stages]
    ) -> list[PlannedRow]:
        seed, rows = self._seed(), []
        for number, level in enumerate((0.0, *self._levels(2))):
            stages = (*before, *((Stage(kind, level, seed),) if level else ()), *after)
            name = kind if level else "reference"
            rows.append(PlannedRow(stages, name, level, 2 * number - 2 if level else None))
            rows.append(PlannedRow(change(stages), name, level, equal_to=2 * number))
        return rows

    def _frame(self, full: bool = False) -> tuple[Stages, Stages]:
        """What comes before the damage, its size, and after it, the size at which it is seen.

        Args:
            full: seen at the full size of the view.
        """
        rng = self._rng
        area = self._area
        before: list[Stage] = []
        if rng.random() < 0.3:
            before.append(Stage("turn", int(rng.integers(1, 4))))
        if not self._perfect:
            before.append(Stage("size", 0.5))
            area /= 4
        if area > 1.5 * SEEN and rng.random() < 0.2:
            before.append(Stage("part", int(rng.integers(1, 10))))
            area /= 4
        if area > 1.1 * SEEN and rng.random() < 0.5:
            return tuple(before), (Stage("area", SEEN),)
        seen = min(area, SEEN)
        if not full and rng.random() < 0.5:
            seen = max(LEAST_AREA, seen * rng.uniform(0.3, 1) ** 2)
        if seen < 0.95 * area:
            before.append(Stage("area", float(round(seen))))
        return tuple(before), ()

    def _harmless(self) -> Stage:
        if self._rng.random() < 0.5:
            return self._frame_change()
        codec, low, high = [("jpeg", 94, 98), ("webp", 95, 99), ("avif", 90, 96)][int(self._rng.integers(3))]
        return Stage(codec, float(self._rng.integers(low, high + 1)), 0, True)

    def _frame_change(self) -> Stage:
        return [Stage("mirror"), Stage("shift", 1), Stage("shift", 3)][int(self._rng.integers(3))]

    def _any_type(self) -> str:
        while True:
            kind = self._one(self._camera if self._rng.random() < 0.55 else self._types)
            if kind not in SLOW or self._rng.random() < 0.4:
                return kind

    def _levels(self, count: int) -> list[float]:
        """Rising levels in 1..5, at least 0.6 apart."""
        free = np.sort(self._rng.uniform(0, 4 - 0.6 * (count - 1), count))
        return [round(1 + float(value) + 0.6 * number, 2) for number, value in enumerate(free)]

    def _strengths(
        self, kind: str, ends: tuple[float, float], count: int, seed: int
    ) -> list[tuple[Stage, float]]:
        """Stages with rising strengths between `ends`, evenly drawn by ratio, with their levels."""
        free = np.sort(self._rng.uniform(0, 1 - 0.15 * (count - 1), count))
        made = []
        for number, share in enumerate(free):
            strength = float(f"{ends[0] * (ends[1] / ends[0]) ** (share + 0.15 * number):.3g}")
            made.append((Stage(kind, strength, seed, True), max(1.0, find_distortion(kind).level(strength))))
        return made

    def _two_levels(self, highest: float) -> tuple[float, float]:
        low = float(self._rng.uniform(1, highest - 1))
        return round(low, 2), round(float(self._rng.uniform(low + 0.8, min(5.0, low + 2))), 2)

    def _one(self, names: tuple[str, ...] | list[str]) -> str:
        return str(self._rng.choice(names))

    def _seed(self) -> int:
        return int(self._rng.integers(1, 2**31))
