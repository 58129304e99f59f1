"""From images to scores by any engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image

from rankiqa.chunks import Chunks
from rankiqa.score import average_crops, deviation, distribution, score
from rankiqa.spec import ModelSpec
from rankiqa.views import View

CHUNK = 4  # crops a forward: on CPUs more than this gains nothing, and a last chunk wastes less


class Engine(Protocol):
    """What runs a network. Several threads may call it at once.

    Attributes:
        name: of the kind.
        device: "cpu" or "cuda".
        chunk: crops a forward, at which it is fastest.
    """

    name: str
    device: str
    chunk: int

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        """uint8 RGB (B, 3, H, W) -> float32 logits (B, N)."""


@dataclass(frozen=True)
class Scores:
    """What a scorer says of M images.

    Attributes:
        scores: float32 (M,), higher = better.
        probs: float32 (M, N), the distribution over the ratings 1..N; None for N = 1.
    """

    scores: np.ndarray
    probs: np.ndarray | None

    @property
    def deviations(self) -> np.ndarray | None:
        """float32 (M,), the standard deviation of each distribution, in ratings; None for N = 1."""
        return None if self.probs is None else deviation(self.probs)


class Scorer:
    """Turns images into scores by the view that the file carries.

    Args:
        engine: runs the network.
        spec: from the same file.
        chunk: crops a forward; None: what suits the engine.
    """

    def __init__(self, engine: Engine, spec: ModelSpec, chunk: int | None = None) -> None:
        self.engine, self.spec = engine, spec
        self._chunks = Chunks(chunk or engine.chunk)
        self.view = View(spec.view, spec.image_size, spec.patches)

    @property
    def chunk(self) -> int:
        """Crops a forward."""
        return self._chunks.size

    @property
    def on_gpu(self) -> bool:
        """Whether a GPU computes."""
        return self.engine.device != "cpu"

    @property
    def group(self) -> int:
        """Images that are best scored together: on a GPU those whose crops fill a forward."""
        return max(1, self.chunk // self.view.crops) if self.on_gpu else self.chunk

    def score(self, images: Sequence[Image.Image]) -> Scores:
        """The scores of 8-bit RGB images of any size."""
        return self.score_crops(np.stack([self.view.evaluate(image) for image in images]))

    def score_crops(self, crops: np.ndarray, pad: bool = False) -> Scores:
        """The scores of images that are crops already.

        Args:
            crops: uint8 (M, P, 3, H, W), P crops per image.
            pad: on a CPU, fill the last forward up to `chunk` crops. Kernels round differently for each batch
                shape; with one shape an image's score does not depend on its company. A GPU, whose chunks
                are large, fills it up to the next power of two: there a score depends on it by rounding.
        """
        logits = average_crops(self.logits(crops, pad))
        return Scores(score(logits), distribution(logits))

    def logits(self, crops: np.ndarray, pad: bool = False) -> np.ndarray:
        """uint8 (M, P, 3, H, W) -> float32 (M, P, N); see `score_crops`."""
        flat = crops.reshape(-1, *crops.shape[2:])

        def forward(place: slice, size: int) -> np.ndarray:
            part = flat[place]
            count = len(part)
            whole = min(size, 1 << (count - 1).bit_length()) if self.on_gpu else size
            if pad and count < whole:
                part = np.concatenate([part, np.repeat(part[:1], whole - count, axis=0)])
            return self.engine(part)[:count]

        return np.concatenate(self._chunks.run(forward, len(flat))).reshape(*crops.shape[:2], -1)
