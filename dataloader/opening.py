"""Opening of images: by Pillow, by `deep_tiff` where Pillow can't, or an error that says what it is."""

import struct
from typing import IO

from PIL import Image, UnidentifiedImageError

from dataloader.color_metadata import color_metadata
from dataloader.deep_color import DeepPng, is_deep_png
from dataloader.deep_jpeg2000 import DeepJpeg2000
from dataloader.deep_tiff import MAGIC, DeepTiff, UnsupportedImageError, misread

_LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)  # markers of JPEG's frames, ITU-T T.81, table B.1
_FRAMES = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA, *_LOSSLESS)
_JPEG_LS = 0xF7  # ITU-T T.87
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers that no length follows


def open_image(file: IO[bytes], formats: tuple[str, ...] | None = None) -> Image.Image:
    """`PIL.Image.open` of a file at its beginning, and of the TIFFs that Pillow refuses or misreads.

    Raises:
        UnsupportedImageError: an image of a known kind that nothing here decodes.
        UnidentifiedImageError: no image.
        DecompressionBombError: more pixels than Pillow's limit.
    """
    described = color_metadata(file)
    file.seek(0)
    try:
        image: Image.Image = Image.open(file, formats=formats)
        if image.format == "JPEG2000":
            file.seek(0)
            image = DeepJpeg2000(file)
        if image.format == "PNG" and is_deep_png(image):
            file.seek(0)
            image = DeepPng(file)
        image.info.update(described)
        if image.format != "TIFF" or not misread(image):
            return image
    except UnidentifiedImageError:
        file.seek(0)
        start = file.read(4)
        if start.startswith(b"\xff\xd8\xff") and (kind := _jpeg_kind(file)):
            message = f"{kind}, which Pillow can't decode; convert it to PNG or 8-bit JPEG"
            raise UnsupportedImageError(message) from None
        if start not in MAGIC or (formats is not None and "TIFF" not in formats):
            raise
    file.seek(0)
    deep = DeepTiff(file)
    Image._decompression_bomb_check(deep.size)
    return deep


def _jpeg_kind(file: IO[bytes]) -> str | None:
    """What is uncommon about a JPEG's first frame, as "a 12-bit JPEG"; None: nothing found."""
    file.seek(2)
    while file.read(1) == b"\xff":
        while (code := file.read(1)) == b"\xff":
            pass
        if not code:
            return None
        marker = code[0]
        if marker in _ALONE:
            continue
        head = file.read(3)
        if len(head) < 3:
            return None
        length, precision = struct.unpack(">HB", head)
        if marker == _JPEG_LS:
            return f"a JPEG-LS image of {precision} bits"
        if marker in _FRAMES:
            name = "lossless " if marker in _LOSSLESS else ""
            return f"a {precision}-bit {name}JPEG" if precision != 8 else None
        file.seek(length - 3, 1)
    return None
