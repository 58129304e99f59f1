"""Quality maps for the API: a coarse grid of numbers, which the page draws over the image itself."""

import math
from functools import partial
from typing import IO, Any, Literal, cast

import numpy as np
from PIL import Image
from pydantic import BaseModel, Field

from rankiqa.quality_map import QualityMap, quality_map
from rankiqa.scorer import Scorer, Scores
from rankiqa.serve.service import Service
from rankiqa.serve.turns import Check, Turns

MOST_CELLS = 32  # along the longer side; the windows of the map are larger than a cell
MOST_PIXELS = 12_000_000  # of an image that is judged patch by patch at native resolution


class ImageMap(BaseModel):
    """Where an image loses quality."""

    name: str = Field(description="the last part of the file name that was sent")
    values: list[list[float]] = Field(description="rows from the top; low where quality is lost")
    ends: tuple[float, float] = Field(description="values to draw as the worst and as the best")
    box: tuple[float, float, float, float] = Field(
        description="left, top, width and height of the part that was judged, as shares of the upright image"
    )
    meaning: Literal["score", "change"] = Field(
        description="score: of the place; change: of the image's score, when the place is covered"
    )


class Mapper:
    """Maps of images, one after the other.

    Args:
        service: decodes and scores, within its limits.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._turns = Turns("maps", service.limits.score_seconds)

    def close(self) -> None:
        """End the thread."""
        self._turns.close()

    async def map(self, file: IO[bytes], name: str, gone: Any) -> ImageMap:
        """The map of the image in an open file.

        Args:
            file: the upload.
            name: opens the messages.
            gone: see `Turns.run`.

        Raises:
            ImageError: it can't be read, or is too large.
            Refused, TimeoutError: see `Turns.run`.
        """
        return await self._turns.run(partial(self._draw, file, name), gone)

    def _draw(self, file: IO[bytes], name: str, check: Check) -> ImageMap:
        scorer = self._service.scorer
        check()
        image, size = self._service.decode(file, name, scorer.view.needs)
        by_patches = scorer.spec.view == "patches"
        if by_patches:
            _reduce(image)
        result = quality_map(image, cast(Scorer, _Timed(scorer, check)))
        return ImageMap(
            name=name,
            values=np.round(_grid(result), _decimals(result.ends)).tolist(),
            ends=result.ends,
            box=_box(size, scorer.spec.image_size) if scorer.spec.view == "fit" else (0.0, 0.0, 1.0, 1.0),
            meaning="score" if by_patches else "change",
        )


def _reduce(image: Image.Image) -> None:
    """Its sums are floats of every pixel: at 50 megapixels they would take a gigabyte."""
    pixels = image.width * image.height
    if pixels > MOST_PIXELS:
        share = (MOST_PIXELS / pixels) ** 0.5
        image.thumbnail((int(image.width * share), int(image.height * share)))


def _grid(result: QualityMap) -> np.ndarray:
    """float32 (h, w): the map's values, each cell the mean of what it covers."""
    values = Image.fromarray(result.values.astype(np.float32))
    share = min(1.0, MOST_CELLS / max(values.size))
    cells = (max(1, round(values.width * share)), max(1, round(values.height * share)))
    return np.asarray(values.resize(cells, Image.Resampling.BOX))


def _decimals(ends: tuple[float, float]) -> int:
    """As many as tell a thousand values between the ends apart."""
    return 4 - math.floor(math.log10(max(ends[1] - ends[0], 1e-9)))


def _box(size: tuple[int, int], seen: tuple[int, int]) -> tuple[float, float, float, float]:
    """The middle of an image (width, height) in the aspect ratio of (height, width), as the view "fit"."""
    scale = min(size[0] / seen[1], size[1] / seen[0])
    wide, tall = min(1.0, seen[1] * scale / size[0]), min(1.0, seen[0] * scale / size[1])
    return (1 - wide) / 2, (1 - tall) / 2, wide, tall


class _Timed:
    """A scorer that stops where `check` raises."""

    def __init__(self, scorer: Scorer, check: Check) -> None:
        self.spec, self.view = scorer.spec, scorer.view
        self.on_gpu, self.chunk = scorer.on_gpu, scorer.chunk
        self._scorer, self._check = scorer, check

    def score_crops(self, crops: Any) -> Scores:
        """As the scorer's."""
        self._check()
        return self._scorer.score_crops(crops)
