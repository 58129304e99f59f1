"""From images to scores by any engine."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from PIL import Image

from rankiqa.batch.storage import read_image
from rankiqa.chunks import Chunks
from rankiqa.image import from_pillow
from rankiqa.intervals import COVERAGE, require_coverage
from rankiqa.machine import usable_cores
from rankiqa.reasons import Reason, strongest
from rankiqa.score import average_crops, crop_deviation, deviation, distribution, score
from rankiqa.spec import ModelSpec
from rankiqa.views import View

SAME_SIZE = 32  # crops per forward of a GPU, where the sizes of images differ
SIZES = 4  # times as many images are then taken together
WINDOW = 16  # images for each stream that are in memory at once in `Scorer.score`


class Engine(Protocol):
    """What runs a network. Several threads may call it at once.

    Attributes:
        name: of the kind.
        device: "cpu" or "cuda".
        chunk: crops per forward, at which it is fastest.
        streams: forwards that run side by side, each on a core of its own; 1 for engines that use all cores.
    """

    name: str
    device: str
    chunk: int
    streams: int

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        """uint8 RGB (B, 3, H, W) -> float32 (B, N): logits; with a second head (B, N + 2 K).

        Behind the logits stand the probabilities of its K families, then their severities.
        """


@dataclass(frozen=True)
class Scores:
    """What a scorer says of M images.

    Attributes:
        scores: float32 (M,), higher = better.
        probs: float32 (M, N), the distribution over the ratings 1..N; None for N = 1.
        damage: float32 (M, 2 K), the probability that each family of damage is visible, and the severities;
            None for a model without reasons.
        families: their K names.
        low, high: float32 (M,), the interval around each score in which the labels of such images lie in the
            share of cases that `Scorer.coverage` says; None for a model without intervals.
    """

    scores: np.ndarray
    probs: np.ndarray | None
    damage: np.ndarray | None = None
    families: tuple[str, ...] = ()
    low: np.ndarray | None = None
    high: np.ndarray | None = None

    @property
    def strengths(self) -> np.ndarray | None:
        """float32 (M, K), of each family of damage: its probability times its severity; None without any."""
        if self.damage is None:
            return None
        probabilities, severities = np.split(self.damage, 2, axis=1)
        return probabilities * severities

    @classmethod
    def joined(cls, parts: Sequence["Scores"]) -> "Scores":
        """Those of the images of all parts, at least one."""

        def whole(name: str) -> Any:
            values = [getattr(part, name) for part in parts]
            return None if values[0] is None else np.concatenate(values)

        arrays = {name: whole(name) for name in ("scores", "probs", "damage", "low", "high")}
        return cls(**arrays, families=parts[0].families)

    @property
    def reasons(self) -> list[list[Reason]] | None:
        """What is wrong with each image, at most three reasons, the strongest first; None: nobody can say."""
        if self.damage is None:
            return None
        count = len(self.families)
        return [strongest(self.families, row[:count], row[count:]) for row in self.damage]

    def part(self, place: slice) -> "Scores":
        """Those of some images."""
        several = (self.probs, self.damage, self.low, self.high)
        probs, damage, low, high = (None if values is None else values[place] for values in several)
        return Scores(self.scores[place], probs, damage, self.families, low, high)

    @property
    def deviations(self) -> np.ndarray | None:
        """float32 (M,), the standard deviation of each distribution, in ratings; None for N = 1."""
        return None if self.probs is None else deviation(self.probs)


class Scorer:
    """Turns images into scores by the view that the file carries.

    Args:
        engine: runs the network.
        spec: from the same file.
        chunk: crops per forward; None: what suits the engine.
    """

    def __init__(self, engine: Engine, spec: ModelSpec, chunk: int | None = None) -> None:
        self.engine, self.spec = engine, spec
        self.view = spec.make_view()
        self._coverage = min(COVERAGE, spec.interval.coverages[-1]) if spec.interval else COVERAGE
        self._chunks = Chunks(chunk or chunk_for(engine, self.view))
        self._pools: dict[int, ThreadPoolExecutor] = {}

    @property
    def chunk(self) -> int:
        """Crops per forward."""
        return self._chunks.size

    @property
    def coverage(self) -> float:
        """Share of images whose label lies between `Scores.low` and `Scores.high`; 0.9, unless it is set.

        Raises:
            ConfigError: setting one that the model can't promise.
        """
        return self._coverage

    @coverage.setter
    def coverage(self, share: float) -> None:
        require_coverage(self.spec.interval, share)
        self._coverage = share

    @property
    def on_gpu(self) -> bool:
        """Whether a GPU computes."""
        return self.engine.device != "cpu"

    @property
    def group(self) -> int:
        """Images that are best scored together: as many as keep all cores, or a GPU, busy."""
        if self.on_gpu:
            return max(1, self.chunk // self.view.crops) * (1 if self.view.has_one_size else SIZES)
        return self.chunk * self.engine.streams

    def score(self, images: Image.Image | str | Path | Sequence[Image.Image | str | Path]) -> Scores:
        """The scores of images of any size, or of the files that hold them.

        Args:
            images: one, or M; Pillow images of any mode, or paths and URLs, which are decoded in threads.

        Raises:
            ImageError: a file that can't be read.
        """
        single = isinstance(images, Image.Image | str | os.PathLike)
        several: list[Any] = [images] if single else list(images)  # type: ignore[arg-type]
        window = WINDOW * self.engine.streams
        parts = [
            self._score_some(several[start : start + window]) for start in range(0, len(several), window)
        ]
        if not parts:
            columns = self.spec.num_classes + 2 * len(self.spec.reasons)
            return self._scores(np.empty((0, 1, columns), np.float32))
        return Scores.joined(parts)

    def _score_some(self, images: Sequence[Image.Image | str | Path]) -> Scores:
        with ThreadPoolExecutor(usable_cores(), "decode") as pool:
            crops = list(pool.map(self._crops_of, images))
        return self.score_crops(crops)

    def _crops_of(self, image: Image.Image | str | Path) -> np.ndarray:
        if isinstance(image, Image.Image):
            return self.view.evaluate(from_pillow(image))
        if not isinstance(image, str | os.PathLike):
            raise TypeError(f"{type(image).__name__}: give a path, a URL or an image of Pillow")
        return self.view.evaluate(read_image(os.fsdecode(image), self.view.needs)[0])

    def score_crops(self, crops: np.ndarray | Sequence[np.ndarray], pad: bool = False) -> Scores:
        """The scores of images that are crops already.

        Args:
            crops: uint8 (M, P, 3, H, W), P crops per image; or each image's (P, 3, H, W), of any sizes.
            pad: on a CPU, fill the last forward up to `chunk` crops. Kernels round differently for each batch
                shape; with one shape an image's score does not depend on its company. A GPU, whose chunks
                are large, fills it up to the next power of two: there a score depends on it by rounding.
        """
        return self._scores(self.outputs(crops, pad))

    def _scores(self, outputs: np.ndarray) -> Scores:
        """What the outputs (M, P, N + 2 K) of images say, as means over their crops."""
        families = self.spec.reasons
        logits, damage = np.split(outputs, [outputs.shape[2] - 2 * len(families)], axis=2)
        averaged = average_crops(logits)
        found = Scores(
            self.spec.scaled(score(averaged)),
            distribution(averaged),
            damage.mean(axis=1) if families else None,
            families,
        )
        return self._with_interval(found, logits) if self.spec.interval else found

    def _with_interval(self, found: Scores, logits: np.ndarray) -> Scores:
        """With low and high; `logits` (M, P, N) are those of the crops."""
        assert self.spec.interval is not None
        signals = {"score": found.scores, "crops": crop_deviation(logits)}
        if found.deviations is not None:
            signals["ratings"] = found.deviations
        low, high = self.spec.interval.around(signals, self.coverage)
        return replace(found, low=low.astype(np.float32), high=high.astype(np.float32))

    def outputs(self, crops: np.ndarray | Sequence[np.ndarray], pad: bool = False) -> np.ndarray:
        """float32 (M, P, N + 2 K), see `Engine`, `score_crops`. Each forward holds crops of one size."""
        groups = by_size(crops)
        if self.engine.streams == 1:
            parts = [
                part
                for group in groups
                for part in self._chunks.run(partial(self._forward, group.crops, pad), len(group.crops))
            ]
        else:
            size = self.chunk
            places = [
                (group.crops, slice(start, start + size))
                for group in groups
                for start in range(0, len(group.crops), size)
            ]
            parts = list(self._threads().map(lambda one: self._forward(one[0], pad, one[1], size), places))
        found = np.concatenate(parts).reshape(len(crops), len(crops[0]), -1)
        if len(groups) == 1:
            return found
        ordered = np.empty_like(found)
        ordered[np.concatenate([group.images for group in groups])] = found
        return ordered

    def _forward(self, crops: np.ndarray, pad: bool, place: slice, size: int) -> np.ndarray:
        part = crops[place]
        count = len(part)
        whole = min(size, 1 << (count - 1).bit_length()) if self.on_gpu else size
        if pad and count < whole:
            part = np.concatenate([part, np.repeat(part[:1], whole - count, axis=0)])
        return self.engine(part)[:count]

    def _threads(self) -> ThreadPoolExecutor:
        """The threads that run forwards; those of a parent do not exist in a forked process.

        A forked process keeps the pool of its parent, too: dropping it would wait for these threads.
        """
        process = os.getpid()
        if process not in self._pools:
            self._pools[process] = ThreadPoolExecutor(self.engine.streams, "forward")
        return self._pools[process]


def chunk_for(engine: Engine, view: View) -> int:
    """Crops per forward: those of the engine, fewer where images have sizes of their own.

    Few then are of one size, and a forward that is filled up costs as much as one that is full.
    """
    if view.has_one_size:
        return engine.chunk
    return 1 if engine.device == "cpu" else min(engine.chunk, SAME_SIZE)


class SizeGroup(NamedTuple):
    """Images of one size: which they are (K,), and their crops in that order, uint8 (K * P, 3, H, W)."""

    images: np.ndarray
    crops: np.ndarray


def by_size(crops: np.ndarray | Sequence[np.ndarray]) -> list[SizeGroup]:
    """Images, each (P, 3, H, W) with the same P, grouped by (H, W) in the order in which sizes first come."""
    if isinstance(crops, np.ndarray):
        return [SizeGroup(np.arange(len(crops)), crops.reshape(-1, *crops.shape[2:]))]
    places: dict[tuple[int, ...], list[int]] = {}
    for number, one in enumerate(crops):
        places.setdefault(one.shape, []).append(number)
    return [
        SizeGroup(np.array(numbers), np.concatenate([crops[number] for number in numbers]))
        for numbers in places.values()
    ]
