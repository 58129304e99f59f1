"""Reading pictures: whatever the file holds becomes 8-bit RGB, or one typed error."""

import struct
import warnings
import zlib
from pathlib import Path
from typing import IO

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from dataloader.opening import open_image
from utils.errors import ImageError

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
    # By a handle, not by its name, so that Pillow doesn't map the file into memory: 13.0 maps
    # uncompressed TIFFs that lie on their side (orientation 5-8) with width and height exchanged.
    with open_image(path) as file:
        return decode(file, str(path), fit)


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
            with Image.open(file, formats=formats) as image:
                width, height = image.size
                if most_pixels is not None and width * height > most_pixels:
                    raise ImageError(f"{name}: {width} x {height} pixels, at most {most_pixels} are taken")
                sideways = image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
                size = (height, width) if sideways else (width, height)
                if fit is not None:
                    _reduce(image, size, fit)
                image.load()
                return _to_rgb(ImageOps.exif_transpose(image)), size
    except UnidentifiedImageError as error:
        raise ImageError(f"{name}: {_unidentified(file)}") from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name}: too many pixels to be decoded safely ({error})") from error
    except _DAMAGE as error:
        raise ImageError(f"{name}: damaged picture ({error or type(error).__name__})") from error


def _reduce(image: Image.Image, size: tuple[int, int], fit: tuple[int, int]) -> None:
    """Have libjpeg leave out what the resize would: its scaled inverse DCT gives 1/2, 1/4 or 1/8."""
    factor = int(min(size[0] / fit[1], size[1] / fit[0]) / SPARE)
    if factor >= 2 and image.format == "JPEG":
        image.draft(None, (image.width // factor, image.height // factor))


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I") or image.mode == "F":
        return _from_deep_grey(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _from_deep_grey(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float grey: Pillow's own conversion clips at 255 instead of scaling."""
    values = np.asarray(image, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("some pixels are NaN or infinite")
    peak = float(values.max(initial=0.0))
    scales = (65535.0,) if image.mode.startswith("I") else (1.0, 255.0, 65535.0)
    top = next((scale for scale in scales if peak <= scale), peak)
    grey = np.clip(np.rint(values * (255.0 / top)), 0, 255).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")


def _unidentified(file: IO[bytes]) -> str:
    file.seek(0, 2)
    return "an empty file" if file.tell() == 0 else "not a picture in any format that Pillow knows"


def _register_heif(path: Path) -> None:
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise ImageError(f"{path}: HEIC needs one more package: pip install pillow-heif") from error
    register_heif_opener()
