"""Uploads to scores: decoding threads, and one thread that scores what arrives together in one batch."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import PurePath
from typing import IO

import numpy as np
from fastapi import UploadFile
from PIL import Image

from rankiqa.decoding.limits import ADVICE
from rankiqa.errors import ImageError, OversizedError
from rankiqa.image import Needs, decode
from rankiqa.machine import keep_freed_memory, usable_cores
from rankiqa.score import percentile
from rankiqa.scorer import Scorer, Scores
from rankiqa.serve.answers import Damage, ImageScore
from rankiqa.serve.batching import Batcher
from rankiqa.serve.limits import Limits

# Of strangers only images as cameras and editors write them: for EPS, Pillow would start Ghostscript.
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "GIF", "JPEG2000", "AVIF", "PPM", "HEIF")


class Service:
    """What the API and the page share.

    Args:
        scorer: what answers.
        limits: of an image.
    """

    def __init__(self, scorer: Scorer, limits: Limits) -> None:
        keep_freed_memory()
        self.scorer, self.limits = scorer, limits
        self._decoders = ThreadPoolExecutor(usable_cores(), "decode")
        self._batcher = Batcher(scorer)
        self._formats = _known_formats()

    def close(self) -> None:
        """End the threads."""
        self._decoders.shutdown(cancel_futures=True)
        self._batcher.close()

    def score_file(self, file: IO[bytes], name: str) -> tuple["Future[Scores]", tuple[int, int]]:
        """The future scores of the image in an open file, and its (width, height).

        Raises:
            ImageError: it can't be read, or is too large.
        """
        view = self.scorer.view
        image, size = self.decode(file, name, view.needs)
        return self.submit(view.evaluate(image)), size

    def decode(self, file: IO[bytes], name: str, fit: Needs = None) -> tuple[Image.Image, tuple[int, int]]:
        """`rankiqa.image.decode` within the limits; raises as that does."""
        self.require_small(file, name)
        with without_advice():
            return decode(file, name, fit, self.limits.pixels, self._formats)

    def require_small(self, file: IO[bytes], name: str) -> None:
        """Raise ImageError for a file of too many bytes; it is at its beginning afterwards."""
        size = file.seek(0, 2)
        file.seek(0)
        if size > self.limits.file_bytes:
            raise ImageError(f"{name}: {size} bytes, at most {self.limits.file_bytes} are taken")

    def submit(self, crops: np.ndarray) -> "Future[Scores]":
        """The future scores of one image, uint8 (P, 3, H, W)."""
        return self._batcher.submit(crops)

    def percentile(self, score: float) -> float | None:
        """See `rankiqa.score.percentile`."""
        return percentile(score, self.scorer.spec)

    async def row(self, upload: UploadFile) -> ImageScore:
        """The row of one upload."""
        name = plain_name(upload.filename)
        loop = asyncio.get_running_loop()
        try:
            future, (width, height) = await loop.run_in_executor(
                self._decoders, self.score_file, upload.file, name
            )
        except ImageError as error:
            return ImageScore(name=name, error=str(error).removeprefix(f"{name}: "))
        result = await asyncio.wrap_future(future)
        score = float(result.scores[0])
        row = ImageScore(
            name=name,
            score=score,
            percentile=self.percentile(score),
            low=None if result.low is None else float(result.low[0]),
            high=None if result.high is None else float(result.high[0]),
            std=None if result.deviations is None else float(result.deviations[0]),
            distribution=None if result.probs is None else result.probs[0].tolist(),
            reasons=None if result.reasons is None else [Damage.of(one) for one in result.reasons[0]],
            width=width,
            height=height,
        )
        row._strengths = [] if result.strengths is None else result.strengths[0].tolist()
        return row


@contextmanager
def without_advice() -> Iterator[None]:
    """Images that are too large are refused without the name of a flag: who uploads can't set it."""
    try:
        yield
    except OversizedError as error:
        raise ImageError(str(error).removesuffix(ADVICE)) from error


def plain_name(name: str | None) -> str:
    """The last part of what a client calls its file; it is shown and never opened."""
    return PurePath((name or "").replace("\\", "/")).name[:200] or "unnamed"


def _known_formats() -> tuple[str, ...]:
    """Those of FORMATS that this Pillow knows; HEIF is a package of its own, and answers for itself."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN or name == "HEIF")
