"""Everything that can be told of one image by itself."""

import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from rankiqa.decoding.image_files import open_file
from rankiqa.decoding.limits import MAX_PIXELS
from rankiqa.decoding.opening import open_image
from rankiqa.decoding.unread import why_unread
from rankiqa.image import read_rgb
from rankiqa.look_alikes import pixel_digest
from utils.errors import ImageError
from utils.processes import map_in_processes

CHUNK = 32  # images handed to a process at once
MIN_SIDE = 16  # pixels: the smallest image that the distortions take
_SAME = {"MPO": "JPEG", "DIB": "BMP"}  # what cameras write into .jpg, and the headless form of BMP
_HEIF = {".heic": "HEIF", ".heif": "HEIF"}  # Pillow knows them by a plug-in only


@dataclass(frozen=True)
class Inspection:
    """Problems as (name, reason), and a digest of the decoded pixels, empty when they could not be had."""

    problems: tuple[tuple[str, str], ...] = ()
    pixels: bytes = b""


def inspect_all(paths: Sequence[str], workers: int, max_pixels: int) -> Iterator[Inspection]:
    """`inspect` each of `paths`, in their order, in several processes where that pays.

    Raises:
        DataError: a worker process was killed.
    """
    return map_in_processes(partial(inspect, max_pixels=max_pixels), paths, workers, chunk=CHUNK)


def inspect(path: str, max_pixels: int = MAX_PIXELS) -> Inspection:
    """Open one image, decode it fully if that is safe, and say what is wrong with it.

    The digest is that of the 8-bit RGB image that the training sees, so that two files agree when their
    pixels do, whatever their format. Nothing is raised: every problem of the file is in the result.
    """
    try:
        if not os.path.isfile(path):  # noqa: PTH113  # a name too long for the disk is False, not OSError
            return Inspection((("absent", _why_absent(path)),))
        if not os.path.getsize(path):  # noqa: PTH202
            return Inspection((("empty", "a file of no bytes"),))
        problems = _by_header(path, max_pixels)
        with read_rgb(path, max_pixels) as image:
            return Inspection(problems, pixel_digest(image))
    except OSError as error:
        return Inspection((("unreadable", error.strerror or str(error)),))
    except ImageError as error:
        return Inspection(
            (why_unread(path, error), *(problem for problem in problems if problem[0] != "tiny"))
        )


def _by_header(path: str, max_pixels: int) -> tuple[tuple[str, str], ...]:
    """What the header tells: misnamed, tiny. A header that can't be read is left to `read_rgb`."""
    problems = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Path(path).open("rb") as file, open_image(file, path, max_pixels) as image:
                (width, height), form = image.size, image.format or ""
    except Exception:  # whatever is raised on damage, read_rgb raises it again and knows it
        return ()
    form, named = _SAME.get(form, form), _format_named(path)
    if named and form and form != named and not (named == "HEIF" and form == "AVIF"):
        problems.append(
            ("misnamed", f"holds {form}, but its name ends in {Path(path).suffix}, as {named} does")
        )
    if min(width, height) < MIN_SIDE:
        problems.append(("tiny", f"{width} x {height} pixels; both sides should be {MIN_SIDE} or more"))
    return tuple(problems)


def _format_named(path: str) -> str:
    """The format that the name's ending stands for, or an empty string."""
    suffix = Path(path).suffix.lower()
    form = Image.registered_extensions().get(suffix) or _HEIF.get(suffix, "")
    return _SAME.get(form, form)


def _why_absent(path: str) -> str:
    try:
        open_file(path).close()
    except ImageError as error:
        return str(error).removeprefix(f"{path}: ")
    return "no such image"
