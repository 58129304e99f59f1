"""Everything that can be told of one image by itself."""

import hashlib
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError, features

from rankiqa.decoding.image_files import open_file
from rankiqa.decoding.limits import MAX_PIXELS
from rankiqa.decoding.opening import open_image
from rankiqa.image import read_rgb
from utils.errors import ImageError, OversizedError
from utils.image_checks.truncation import ends_early

MIN_SIDE = 16  # pixels: the smallest image that the distortions take
_SAME = {"MPO": "JPEG", "DIB": "BMP"}  # what cameras write into .jpg, and the headless form of BMP
_HEIF = {".heic": "HEIF", ".heif": "HEIF"}  # Pillow knows them by a plug-in only
_OPTIONAL = {".avif": "avif", ".webp": "webp", ".jp2": "jpg_2000", ".j2k": "jpg_2000"}  # parts of Pillow


@dataclass(frozen=True)
class Inspection:
    """Faults as (name, reason), and a digest of the decoded pixels, empty when they could not be had."""

    faults: tuple[tuple[str, str], ...] = ()
    pixels: bytes = b""


def inspect(path: str, max_pixels: int = MAX_PIXELS) -> Inspection:
    """Open one image, decode it fully if that is safe, and say what is wrong with it.

    The digest is that of the 8-bit RGB image that the training sees, so that two files agree when their
    pixels do, whatever their format. Nothing is raised: every fault of the file is in the result.
    """
    try:
        if not os.path.isfile(path):  # noqa: PTH113  # a name too long for the disk is False, not OSError
            return Inspection((("absent", _why_absent(path)),))
        if not os.path.getsize(path):  # noqa: PTH202
            return Inspection((("empty", "a file of no bytes"),))
        faults = _by_header(path, max_pixels)
        with read_rgb(path, max_pixels) as image:
            digest = hashlib.blake2b(repr(image.size).encode(), digest_size=16)
            digest.update(image.tobytes())
        return Inspection(faults, digest.digest())
    except OSError as error:
        return Inspection((("unreadable", error.strerror or str(error)),))
    except ImageError as error:
        return Inspection((_why_unread(path, error), *(fault for fault in faults if fault[0] != "tiny")))


def _by_header(path: str, max_pixels: int) -> tuple[tuple[str, str], ...]:
    """What the header tells: misnamed, tiny. A header that can't be read is left to `read_rgb`."""
    faults = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Path(path).open("rb") as file, open_image(file, path, max_pixels) as image:
                (width, height), form = image.size, image.format or ""
    except Exception:  # whatever is raised on damage, read_rgb raises it again and knows it
        return ()
    form, named = _SAME.get(form, form), _format_named(path)
    if named and form and form != named and not (named == "HEIF" and form == "AVIF"):
        faults.append(
            ("misnamed", f"holds {form}, but its name ends in {Path(path).suffix}, as {named} does")
        )
    if min(width, height) < MIN_SIDE:
        faults.append(("tiny", f"{width} x {height} pixels; both sides should be {MIN_SIDE} or more"))
    return tuple(faults)


def _format_named(path: str) -> str:
    """The format that the name's ending stands for, or an empty string."""
    suffix = Path(path).suffix.lower()
    form = Image.registered_extensions().get(suffix) or _HEIF.get(suffix, "")
    return _SAME.get(form, form)


def _why_unread(path: str, error: ImageError) -> tuple[str, str]:
    reason = " ".join(str(error).split()).removeprefix(f"{Path(path)}: ")
    cause = error.__cause__
    unidentified = isinstance(cause, UnidentifiedImageError)
    decoder = _OPTIONAL.get(Path(path).suffix.lower())
    if isinstance(error, OversizedError):
        return "oversized", f"not decoded: {reason}"
    if isinstance(cause, ImportError | MemoryError) or (isinstance(cause, OSError) and cause.errno):
        return "unreadable", reason
    if unidentified and decoder and not features.check(decoder):
        return "unreadable", f"this Pillow was built without {decoder}"
    cut = any(word in reason.lower() for word in ("truncat", "expected to read"))
    return ("truncated" if cut or ends_early(path) else "broken"), reason


def _why_absent(path: str) -> str:
    try:
        open_file(path).close()
    except ImageError as error:
        return str(error).removeprefix(f"{path}: ")
    return "no such image"
