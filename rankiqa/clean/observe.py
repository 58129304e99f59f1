"""One image: decoded once, for its score and for everything else that is told of it."""

import os

from rankiqa.batch.pipeline import Decoded, reason_of
from rankiqa.batch.results import Row
from rankiqa.batch.storage import is_url, read_image
from rankiqa.clean.measures import Measures, measure
from rankiqa.clean.records import Record
from rankiqa.decoding.unread import why_unread
from rankiqa.errors import ImageError
from rankiqa.scorer import Scorer


def observe(path: str, scorer: Scorer, max_pixels: int) -> Decoded:
    """The crops of an image, with its `Measures` as the note; or the name of what keeps it from being read.

    It is always decoded in full: equal pixels, noise and blur show in nothing less.
    """
    try:
        image, (width, height) = read_image(path, None, max_pixels)
    except ImageError as error:
        return Decoded(path, None, error=reason_of(error, path), note=_problem(path, error))
    return Decoded(path, scorer.view.evaluate(image), width, height, note=measure(image))


def _problem(path: str, error: ImageError) -> str:
    try:
        if is_url(path) or not os.path.isfile(path):  # noqa: PTH113  # a name too long is False, not OSError
            return "unreadable"
        return why_unread(path, error)[0] if os.path.getsize(path) else "empty"  # noqa: PTH202
    except OSError:
        return "unreadable"


def to_record(row: Row, note: Measures | str) -> Record:
    """What the log keeps of a row of `rankiqa.batch.pipeline` and the note of `observe`."""
    if isinstance(note, str):
        return Record(row.path, problem=note, error=row.error)
    return Record(
        row.path,
        row.score,
        row.percentile,
        row.width,
        row.height,
        highlights=note.highlights,
        clipped=_rounded(note.clipped),
        sharpness=_rounded(note.sharpness),
        noise=_rounded(note.noise),
        colour_noise=_rounded(note.colour_noise),
        content=_rounded(note.content),
        colour=note.colour,
        pixels=f"{note.pixels:016x}",
        look=f"{note.look:016x}",
        error=row.error,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
