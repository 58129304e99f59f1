"""Reading pictures: whatever the file holds becomes 8-bit RGB, or one typed error."""

import os
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from dataloader.deep_tiff import UnsupportedImageError
from dataloader.opening import open_image
from dataloader.pixels import to_srgb
from utils.errors import ImageError

IMAGE_SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .png .bmp .tif .tiff .webp .jp2 .j2k .avif .heic .heif .gif .ppm .pgm".split()
)
# What Pillow raises on damaged files, beside OSError: RuntimeError by AVIF, TypeError by EXIF, and so on.
_DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, LookupError, MemoryError),
    *(RuntimeError, TypeError, ArithmeticError, struct.error, zlib.error),
)

SPARE = 3  # times the needed size that a reduced decoding keeps, so that the resize still averages


def read_rgb(path: str | Path) -> Image.Image:
    """The picture in `path` as 8-bit RGB, turned upright.

    Grey, palette and bilevel pictures are expanded; alpha is laid over white; CMYK is converted; 16 bits are
    scaled to 8; EXIF orientation is applied; of an animation the first frame counts.

    Raises:
        ImageError: not there, not a picture, truncated, damaged, or larger than Pillow's limit of pixels.
    """
    return read_sized(path)[0]


def read_sized(path: str | Path, fit: tuple[int, int] | None = None) -> tuple[Image.Image, tuple[int, int]]:
    """As `read_rgb`, with (width, height) of the whole upright picture.

    Args:
        path: of the picture.
        fit: (height, width) that the picture will be cropped and reduced to. A JPEG of at least six times
            that is then decoded at 1/2, 1/4 or 1/8, at least three times the size that is needed.

    Raises:
        ImageError: as `read_rgb`.
    """
    path = Path(path)
    if path.suffix.lower() in (".heic", ".heif"):
        _register_heif(path)
    try:
        # By a handle, not by its name, so that Pillow doesn't map the file into memory: 13.0 maps
        # uncompressed TIFFs that lie on their side (orientation 5-8) with width and height exchanged.
        with path.open("rb") as file:
            return decode(file, str(path), fit)
    except FileNotFoundError as error:
        raise ImageError(f"{path}: no such picture") from error
    except PermissionError as error:
        raise ImageError(f"{path}: no permission to read it") from error
    except IsADirectoryError as error:
        raise ImageError(f"{path}: is a folder, not a picture") from error
    except OSError as error:
        raise ImageError(f"{path}: can't be read ({error.strerror or error})") from error


def decode(
    file: IO[bytes],
    name: str,
    fit: tuple[int, int] | None = None,
    most_pixels: int | None = None,
    formats: tuple[str, ...] | None = None,
) -> tuple[Image.Image, tuple[int, int]]:
    """As `read_sized`, from an open file.

    Args:
        file: at its beginning.
        name: opens the messages.
        fit: as in `read_sized`.
        most_pixels: larger pictures are refused by their header, before anything is decoded.
        formats: Pillow's names of those that are tried; None: all.

    Raises:
        ImageError: not a picture, truncated, damaged, or too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # oversized and odd metadata: decided below, or harmless
            with open_image(file, formats) as image:
                width, height = image.size
                if most_pixels is not None and width * height > most_pixels:
                    raise ImageError(f"{name}: {width} x {height} pixels, at most {most_pixels} are taken")
                if fit is not None:
                    _reduce(image, (height, width) if _is_sideways(image) else (width, height), fit)
                image.load()
                # after loading, which turns a TIFF upright, and finds what a PNG says behind its pixels
                size = (height, width) if _is_sideways(image) else (width, height)
                return to_srgb(ImageOps.exif_transpose(image)), size
    except UnsupportedImageError as error:
        raise ImageError(f"{name}: {error}") from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{name}: {_unidentified(file)}") from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name}: too many pixels to be decoded safely ({error})") from error
    except _DAMAGE as error:
        raise ImageError(f"{name}: damaged picture ({error or type(error).__name__})") from error


def _is_sideways(image: Image.Image) -> bool:
    """Whether `ImageOps.exif_transpose` would exchange width and height."""
    return image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)


def _reduce(image: Image.Image, size: tuple[int, int], fit: tuple[int, int]) -> None:
    """Have libjpeg leave out what the resize would: its scaled inverse DCT gives 1/2, 1/4 or 1/8."""
    factor = int(min(size[0] / fit[1], size[1] / fit[0]) / SPARE)
    if factor >= 2 and image.format == "JPEG":
        image.draft(None, (image.width // factor, image.height // factor))


def is_picture(name: str) -> bool:
    """Whether the name of a file, without its folder, is that of a picture, and not hidden."""
    # os.path answers faster, and folders may hold a million
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES and not name.startswith(".")  # noqa: PTH122


def find_pictures(folder: str | Path) -> Iterator[Path]:
    """Every file below `folder` with a picture's suffix, hidden ones left out, in sorted order."""
    for path in sorted(Path(folder).rglob("*")):
        if is_picture(path.name) and path.is_file():
            yield path


def _unidentified(file: IO[bytes]) -> str:
    file.seek(0, 2)
    return "an empty file" if file.tell() == 0 else "not a picture in any format that Pillow knows"


def _register_heif(path: Path) -> None:
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise ImageError(f"{path}: HEIC needs one more package: pip install pillow-heif") from error
    register_heif_opener()
