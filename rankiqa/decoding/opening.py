"""Opening an image: the content decides which decoder reads it, whatever its name and its metadata say."""

import threading
from typing import IO

from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from rankiqa.decoding import png_chunks
from rankiqa.decoding.color_metadata import color_metadata
from rankiqa.decoding.content import HEAD, OTHER_CONTENT, camera_raw, is_heif
from rankiqa.decoding.deep_color import DeepPng, is_deep_png
from rankiqa.decoding.deep_jpeg2000 import DeepJpeg2000
from rankiqa.decoding.deep_tiff import MAGIC, DeepTiff, UnsupportedImageError, misread
from rankiqa.decoding.holes import require_no_hole
from rankiqa.decoding.jpeg_damage import JpegFeed
from rankiqa.decoding.jpeg_frame import uncommon_kind
from rankiqa.decoding.limits import MAX_PIXELS, refuse_oversized
from rankiqa.errors import ImageError

_LOADING = threading.Lock()
_JPEG = b"\xff\xd8\xff"
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def open_image(
    file: IO[bytes], name: str, max_pixels: int = MAX_PIXELS, formats: tuple[str, ...] | None = None
) -> Image.Image:
    """The image in a file, of which the header is read.

    Args:
        file: at its beginning.
        name: opens the messages.
        max_pixels: larger images are refused.
        formats: Pillow's names of those that are tried; None: all.

    Raises:
        OversizedError: too many pixels; see `rankiqa.decoding.limits.refuse_oversized`.
        ImageError: raw data of a camera; HEIC, and no package for it.
        UnsupportedImageError: an image of a known kind that nothing here decodes.
        OSError, ValueError and others: what Pillow raises on damage, and on what is no image.
    """
    Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit knows no flag: `refuse_oversized` stands in its place
    described = color_metadata(file)
    file.seek(0)
    head = file.read(HEAD)
    file_bytes = file.seek(0, 2)
    if raw := camera_raw(file):  # Pillow would take the thumbnail in it
        raise ImageError(f"{name}: {OTHER_CONTENT} {raw}")
    file.seek(0)
    if head.startswith(png_chunks.SIGNATURE):
        file = png_chunks.pixels_only(file)
    elif head.startswith(_JPEG):
        file = JpegFeed(file.read())
    else:
        require_no_hole(file, head)
    if is_heif(head):
        image = _open_heif(file, name, formats)
    elif head.startswith(MAGIC):
        image = _open_tiff(file, formats)
    else:
        image = _open_by_pillow(file, formats)
    image.info.update(described)
    try:
        refuse_oversized(name, image.size, image.format or "", image.mode, file_bytes, max_pixels)
    except ImageError:
        image.close()
        raise
    return image


def load_pixels(image: Image.Image) -> None:
    """Decode an image of `open_image`.

    Raises:
        OSError, ValueError and others: what Pillow raises on damage, and what it conceals.
    """
    feed = getattr(image, "fp", None)
    if isinstance(feed, JpegFeed):
        feed.watched = True
        try:
            image.load()
        except OSError as error:
            if "truncated" not in str(error):
                raise
            raise ValueError(feed.why_short()) from error
        feed.require_used()
    else:
        image.load()


def turn_of(image: Image.Image) -> Image.Transpose | None:
    """What makes an image upright, by EXIF or XMP; None where they say nothing, or can't be understood."""
    if isinstance(image, TiffImageFile):  # Pillow turns it itself, and tells the size of the upright image
        return None
    try:
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # metadata may be broken in every way, and the pixels are good
        return None


def _open_by_pillow(file: IO[bytes], formats: tuple[str, ...] | None) -> Image.Image:
    if formats is not None:
        formats = tuple(known for known in formats if known != "HEIF")  # no decoder of Pillow's own
    try:
        image: Image.Image = Image.open(file, formats=formats)
    except UnidentifiedImageError:
        # Pillow loads its rarer decoders when they are first needed, and another thread may just be at it
        with _LOADING:
            Image.init()
        file.seek(0)
        if kind := uncommon_kind(file):
            message = f"{kind}, which Pillow can't decode; convert it to PNG or 8-bit JPEG"
            raise UnsupportedImageError(message) from None
        file.seek(0)
        image = Image.open(file, formats=formats)
    if image.format == "JPEG2000":
        file.seek(0)
        return DeepJpeg2000(file)
    if image.format == "PNG" and is_deep_png(image):
        file.seek(0)
        return DeepPng(file)
    return image


def _open_tiff(file: IO[bytes], formats: tuple[str, ...] | None) -> Image.Image:
    if formats is not None and "TIFF" not in formats:
        raise UnidentifiedImageError
    try:
        image = _open_by_pillow(file, ("TIFF",))
        if not misread(image):
            return image
    except UnidentifiedImageError:
        pass
    file.seek(0)
    return DeepTiff(file)


def _open_heif(file: IO[bytes], name: str, formats: tuple[str, ...] | None) -> Image.Image:
    if formats is not None and "HEIF" not in formats:
        raise UnidentifiedImageError
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise ImageError(f"{name}: HEIC needs one more package: pip install pillow-heif") from error
    return HeifImageFile(file)  # not by Image.open: its table of decoders is for all threads
