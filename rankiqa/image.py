"""Reading images: whatever the file holds becomes 8-bit RGB, or one typed error."""

import struct
import warnings
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, TypeAlias

from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from rankiqa.decoding.bare_files import without_metadata
from rankiqa.decoding.content import OTHER_CONTENT, content_name
from rankiqa.decoding.deep_tiff import UnsupportedImageError
from rankiqa.decoding.image_files import open_file
from rankiqa.decoding.limits import MAX_PIXELS
from rankiqa.decoding.opening import load_pixels, open_image, turn_of
from rankiqa.decoding.pixels import to_srgb
from rankiqa.errors import ImageError

# What Pillow raises on damaged files, beside OSError: RuntimeError by AVIF, TypeError by EXIF, and so on.
_DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, LookupError, MemoryError),
    *(RuntimeError, TypeError, ArithmeticError, struct.error, zlib.error),
)

_SIDEWAYS = (
    Image.Transpose.TRANSPOSE,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_90,
)
# Where Pillow keeps metadata that may hold an orientation
_ORIENTED = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")
# The (height, width) that an image will be cropped and reduced to; None: every pixel counts. Where that
# depends on the image, it is a function of (width, height), of the whole upright image or of a reduced one.
Needs: TypeAlias = tuple[int, int] | Callable[[int, int], tuple[int, int] | None] | None
# Times the needed size that a reduced decoding keeps, so that the resize still averages
SPARE = 3.0
SPARE_WHOLE = 1.5  # where the needed size is a function: at 512 x 512 that moved scores by .07 points at most


def read_rgb(path: str | Path, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The image in `path` as 8-bit RGB, turned upright.

    The content decides about the format, not the name; odd metadata does no harm. Grey, palette and bilevel
    images are expanded; alpha is laid over white; CMYK is converted; 16 bits are scaled to 8; EXIF
    orientation is applied; of an animation the first frame counts.

    Raises:
        ImageError: not there, not an image, truncated, damaged, or of more than `max_pixels` pixels.
    """
    return read_sized(path, max_pixels=max_pixels)[0]


def read_sized(
    path: str | Path, fit: Needs = None, max_pixels: int = MAX_PIXELS
) -> tuple[Image.Image, tuple[int, int]]:
    """As `read_rgb`, with (width, height) of the whole upright image.

    Args:
        path: of the image.
        fit: what the image will be cropped and reduced to, see `Needs`. A JPEG of at least twice
            SPARE times that (SPARE_WHOLE for a function) is then decoded at 1/2, 1/4 or 1/8.
        max_pixels: larger images are refused.

    Raises:
        ImageError: as `read_rgb`.
    """
    path = Path(path)
    # By a handle, not by its name, so that Pillow doesn't map the file into memory: 13.0 maps
    # uncompressed TIFFs that lie on their side (orientation 5-8) with width and height exchanged.
    with open_file(path) as file:
        return decode(file, str(path), fit, max_pixels)


def decode(
    file: IO[bytes],
    name: str,
    fit: Needs = None,
    max_pixels: int = MAX_PIXELS,
    formats: tuple[str, ...] | None = None,
) -> tuple[Image.Image, tuple[int, int]]:
    """As `read_sized`, from an open file.

    Args:
        file: at its beginning.
        name: opens the messages.
        fit: as in `read_sized`.
        max_pixels: larger images are refused by their header, before anything is decoded.
        formats: Pillow's names of those that are tried; None: all.

    Raises:
        ImageError: not an image, truncated, damaged, or too large.
    """
    try:
        return _decode(file, name, fit, max_pixels, formats)
    except UnsupportedImageError as error:
        raise ImageError(f"{name}: {error}") from error
    except _DAMAGE as error:
        damage = error
    try:
        bare = without_metadata(file)
        if bare is not None:
            with suppress(*_DAMAGE):
                return _decode(bare, name, fit, max_pixels, formats)
        reason = _reason(file, damage)
    except OSError as error:  # not of a decoder: a bad sector, or a server that is gone
        reason = f"can't be read ({error.strerror or error})"
    raise ImageError(f"{name}: {reason}") from damage


def from_pillow(image: Image.Image) -> Image.Image:
    """An image that Pillow has opened or made as `read_rgb` gives that of a file: upright, 8-bit sRGB.

    Raises:
        ImageError: it can't be decoded.
    """
    try:
        turn = turn_of(image)
        load_pixels(image)
        return to_srgb(_upright(image, turn))
    except _DAMAGE as error:
        name = getattr(image, "filename", "") or "the image"
        raise ImageError(f"{name}: damaged image ({error or type(error).__name__})") from error


def _decode(
    file: IO[bytes],
    name: str,
    fit: Needs,
    max_pixels: int,
    formats: tuple[str, ...] | None,
) -> tuple[Image.Image, tuple[int, int]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd metadata does no harm
        with open_image(file, name, max_pixels, formats) as image:
            turn = turn_of(image)
            size = (image.height, image.width) if turn in _SIDEWAYS else image.size
            if fit is not None:
                _reduce(image, size, fit)
            load_pixels(image)
            return to_srgb(_upright(image, turn)), size


def _upright(image: Image.Image, turn: Image.Transpose | None) -> Image.Image:
    """The image as `turn` says, and without the metadata that asks for it, so that it is turned once."""
    if turn is None:
        return image
    turned = image.transpose(turn)
    for key in _ORIENTED:
        turned.info.pop(key, None)
    return turned


def _reduce(image: Image.Image, size: tuple[int, int], fit: Needs) -> None:
    """Have libjpeg leave out what the resize would: its scaled inverse DCT gives 1/2, 1/4 or 1/8."""
    needed = fit(*size) if callable(fit) else fit
    if needed is None or not isinstance(image, JpegImageFile):  # also that of a container of several, MPO
        return
    spare = SPARE_WHOLE if callable(fit) else SPARE
    factor = int(min(size[0] / needed[1], size[1] / needed[0]) / spare)
    # Rounded sides may change the aspect ratio; where that changed what becomes of it, all is decoded.
    if factor >= 2 and (not callable(fit) or fit(*_reduced(size, factor)) == needed):
        image.draft(None, (image.width // factor, image.height // factor))


def _reduced(size: tuple[int, int], factor: int) -> tuple[int, int]:
    """The (width, height) that libjpeg makes of `size` at 1/8, 1/4 or 1/2, the smallest within 1/factor."""
    step = 8 if factor >= 8 else 4 if factor >= 4 else 2
    return -(-size[0] // step), -(-size[1] // step)


def _reason(file: IO[bytes], damage: BaseException) -> str:
    content = content_name(file)
    if content in ("an empty file", "nothing but zero bytes"):
        return content
    if content:
        return f"{OTHER_CONTENT} {content}"
    if isinstance(damage, UnidentifiedImageError):
        return "not an image in any format that Pillow knows"
    return f"damaged image ({damage or type(damage).__name__})"
