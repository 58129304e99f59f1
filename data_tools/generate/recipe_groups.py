"""Groups of recipes of one photograph: rows whose order, or equality, is known by construction.

A group has six rows. One is the clean photograph (or a soft, dark, grey or small version of it), the others
come from it or from one another by one stage more, by one level more with all else equal, or by a change that
nobody should mind. Rows of a group follow one another in label.txt, so that they meet in one step of training
(`--group_size 6`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from distortions import SETS, list_distortions
from distortions.stages import Stage

SIZE = 6  # rows of a group
SEEN = 512.0 * 512  # pixels at which an image is seen: the area of the default view
LEAST_AREA = 192.0 * 192

Stages = tuple[Stage, ...]

# Full-reference metrics hardly mind these, people do: their labels fall with the level
TONE = frozenset(
    ("overexposed", "underexposed", "low_light", "white_balance", "haze", "brighten", "darken", "mean_shift")
    + ("contrast", "hdr", "halos", "colour_shift", "oversaturation")
)
COLOUR_ALONE = frozenset(
    ("colour_diffusion", "colour_shift", "saturation", "oversaturation", "white_balance", "chroma_noise")
    + ("kadid_chroma", "chroma_subsampling", "colour_blocks", "colour_quantization")
)
SLOW = frozenset(("fastfading", "denoise", "noisy_jp2k", "colour_quantization", "dither"))
# How the codecs of photographs are usually set, in the unit of each one's ladder: from hardly visible on
CODECS = {"jpeg": (93, 20), "mozjpeg": (92, 20), "jpegli": (0.8, 9), "webp": (92, 5), "avif": (80, 12)}
# A capture comes before its processing, which comes before the codec of the network
CAPTURE = (
    "sensor_noise",
    "phone_noise",
    "defocus",
    "shake",
    "underexposed",
    "overexposed",
    "low_light",
    "haze",
)
PROCESSING = ("noise_reduction", "halos", "hdr", "zoom", "white_balance", "sharpen", "lifted", "contrast")
NETWORK = ("jpeg", "mozjpeg", "jpegli", "webp", "avif", "messenger", "zoom_jpeg", "jp2k", "screenshot")
NOISES = ("sensor_noise", "phone_noise", "correlated_noise", "gauss", "lifted")
FIRST = ("gblur", "defocus", "underexposed", "zoom", "haze", "sensor_noise", "jpeg")


@dataclass(frozen=True)
class PlannedRow:
    """One image of a group.

    Attributes:
        stages: from the photograph to it.
        kind: the distortion type, "reference", or "chain".
        level: 0 of what is as good as its reference, else 1..5, rounded.
        parent: the row of the group than which it is worse; None: the photograph itself.
        equal_to: the row of the group that is as good; its label is taken.
    """

    stages: Stages
    kind: str = "reference"
    level: float = 0.0
    parent: int | None = None
    equal_to: int | None = None


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
        self._types = sorted(known - {"heic", "jpeg_xl"})
        self._camera = sorted(known & set(SETS["camera"]) - {"heic", "jpeg_xl"})

    def draw(self) -> list[PlannedRow]:
        """The rows of one group, `SIZE` of them, each after those that it refers to."""
        makers: list[tuple[Callable[[], list[PlannedRow]], float]] = [
            (self._ladder, 0.3), (self._soft_ladder, 0.22), (self._chain, 0.13),
            (self._codecs, 0.13), (self._grey, 0.11), (self._sizes, 0.11),
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
        """Four levels of damage, of noise mostly, on a photograph that is soft, dark or enlarged already.

        A network that has seen noise on sharp photographs alone takes it for detail where nothing is sharp.
        """
        before, after = self._frame()
        rng = self._rng
        first = str(rng.choice(["gblur", "defocus", "zoom", "underexposed"], p=[0.35, 0.3, 0.2, 0.15]))
        strength = {"gblur": (0.5, 1.8), "defocus": (0.5, 1.8)}.get(first)
        if strength is None:
            source = Stage(first, round(float(rng.uniform(1, 3)), 2), self._seed())
        else:
            source = Stage(first, round(float(rng.uniform(*strength)), 2), 0, True)
        kind = str(rng.choice([*NOISES, "other"], p=[0.42, 0.2, 0.1, 0.08, 0.05, 0.15]))
        kind = self._one(NETWORK + ("shake", "halos")) if kind == "other" else kind
        if rng.random() < 0.2:
            before = (*before, Stage("grey"))
        clean, base = (*before, *after), (*before, source, *after)
        rows = [
            PlannedRow(base, first, 1.0),
            PlannedRow((*base, self._frame_change()), first, 1.0, equal_to=0),
        ]
        seed = self._seed()
        for number, level in enumerate(self._levels(3)):
            stages = (*before, source, Stage(kind, level, seed), *after)
            rows.append(PlannedRow(stages, "chain", level, 0 if number == 0 else number + 1))
        return [*rows, PlannedRow(clean)]

    def _chain(self) -> list[PlannedRow]:
        """One stage more, or one level more with all else equal, is worse."""
        before, after = self._frame()
        first = self._one(FIRST if self._rng.random() < 0.6 else CAPTURE)
        second, third = self._one(CAPTURE + PROCESSING), self._one(NETWORK)
        second = second if second != first else "sensor_noise" if first != "sensor_noise" else "shake"
        seeds = [self._seed() for _ in range(3)]
        a, more_a = self._two_levels(3.0)
        b, more_b = self._two_levels(4.0)
        c = round(float(self._rng.uniform(1, 4)), 2)
        one, two = Stage(first, a, seeds[0]), Stage(second, b, seeds[1])

        def row(parent: int | None, level: float, *stages: Stage) -> PlannedRow:
            return PlannedRow((*before, *stages, *after), "chain" if stages else "reference", level, parent)

        return [
            row(None, 0),
            row(0, a, one),
            row(1, b, one, two),
            row(2, more_b, one, Stage(second, more_b, seeds[1])),
            row(2, more_a, Stage(first, more_a, seeds[0]), two),
            row(2, c, one, two, Stage(third, c, seeds[2])),
        ]

    def _codecs(self) -> list[PlannedRow]:
        """Settings of the codecs of photographs; what one does against another the metrics decide."""
        before, after = self._frame()
        rows = [PlannedRow((*before, *after))]
        for codec in self._rng.choice(sorted(CODECS), size=SIZE - 1, p=[0.1, 0.3, 0.2, 0.25, 0.15]):
            mild, strong = CODECS[str(codec)]
            share = float(self._rng.uniform() ** 1.5)
            setting = float(f"{mild * (strong / mild) ** share:.3g}")
            level = 1 + 4 * share
            rows.append(
                PlannedRow((*before, Stage(str(codec), setting, 0, True), *after), str(codec), level, 0)
            )
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
        if not self._perfect:
            before.append(Stage("size", 0.5))
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

    def _two_levels(self, highest: float) -> tuple[float, float]:
        low = float(self._rng.uniform(1, highest - 1))
        return round(low, 2), round(float(self._rng.uniform(low + 0.8, min(5.0, low + 2))), 2)

    def _one(self, names: tuple[str, ...] | list[str]) -> str:
        return str(self._rng.choice(names))

    def _seed(self) -> int:
        return int(self._rng.integers(1, 2**31))
