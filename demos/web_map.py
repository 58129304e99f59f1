"""The quality map as the page shows it."""

import io
import time
from dataclasses import replace
from typing import Any, cast

from PIL import Image

from rankiqa.quality_map import draw_map, quality_map
from rankiqa.scorer import Scorer, Scores

MOST_PIXELS = (2000, 2000)  # "fit" and "whole" look at a small copy anyway


def map_image(image: Image.Image, scorer: Scorer, seconds: float) -> Image.Image:
    """The image beside its quality map.

    Args:
        image: RGB; unless the view is "patches" it is made smaller.
        scorer: asked many times.
        seconds: for all of them.

    Raises:
        TimeoutError: they did not suffice.
    """
    if scorer.spec.view != "patches":
        image.thumbnail(MOST_PIXELS)
    buffer = io.BytesIO()
    result = quality_map(image, cast(Scorer, _Timed(scorer, seconds)))
    draw_map(replace(result, meaning=""), "", buffer)  # the page says it
    return Image.open(buffer)


class _Timed:
    """A scorer that stops at a time."""

    def __init__(self, scorer: Scorer, seconds: float) -> None:
        self.spec, self.view = scorer.spec, scorer.view
        self.on_gpu, self.chunk = scorer.on_gpu, scorer.chunk
        self._scorer = scorer
        self._end = time.monotonic() + seconds

    def score_crops(self, crops: Any) -> Scores:
        if time.monotonic() > self._end:
            raise TimeoutError
        return self._scorer.score_crops(crops)
