"""Decoded video frames -> upright 8-bit sRGB images, by the matrix, range, primaries and curve they state."""

from typing import Any

import numpy as np
from PIL import Image

from rankiqa.decoding.color_space import claimed_profile
from rankiqa.decoding.deep_color import deep_to_srgb
from rankiqa.decoding.pixels import to_srgb

_BT709, _UNSPECIFIED, _BT470BG = 1, 2, 5  # ITU-T H.273, table 4, as AVColorSpace
_KR_KB = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}  # the same
_LIMITED, _FULL = 1, 2  # AVColorRange
# swscale's BICUBIC, FULL_CHR_H_INT, FULL_CHR_H_INP and ACCURATE_RND. Its defaults repeat chroma samples and
# round down: 2 levels off where these are within half a level of the equations of BT.601 and BT.709.
_CONVERSION = 0x4 | 0x2000 | 0x4000 | 0x40000
_TURNS = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}


def to_image(frame: Any) -> Image.Image:
    """The 8-bit sRGB image of an `av.VideoFrame` of any pixel format, turned upright.

    Frames that state no matrix are read as players do: BT.709 from 1280 columns or 577 lines on, below that
    BT.601; those that state no range, as limited. BT.1886 and BT.709 count as sRGB, as everywhere in
    `rankiqa.decoding.color_space`; HDR (PQ, HLG) is cut off at its reference white, as of AVIF and HEIC.
    """
    turn = _TURNS.get(round(frame.rotation) % 360)
    image = _srgb(_tagged(frame))
    return image.transpose(turn) if turn is not None else image


def _tagged(frame: Any) -> Any:
    """The frame with a matrix and a range, where it states none."""
    is_rgb = frame.format.is_rgb
    if frame.colorspace == _UNSPECIFIED and not is_rgb:
        is_large = frame.width >= 1280 or frame.height > 576
        frame.colorspace = _BT709 if is_large and not _is_jpeg(frame) else _BT470BG
    if frame.color_range not in (_LIMITED, _FULL):
        frame.color_range = _FULL if is_rgb or _is_jpeg(frame) else _LIMITED
    return frame


def _is_jpeg(frame: Any) -> bool:
    """Whether the pixel format is one of JPEG's, which are of full range and BT.601 (JFIF)."""
    return bool(frame.format.name.startswith("yuvj"))


def _srgb(frame: Any) -> Image.Image:
    described = Image.new("RGB", (1, 1))
    described.info["cicp"] = (int(frame.color_primaries), int(frame.color_trc))
    profile = claimed_profile(described)
    if profile is not None and _depth(frame) > 8:
        colours = deep_to_srgb(_sixteen_bits(frame), profile)
        if colours is not None:
            return Image.fromarray(colours)
    image = Image.fromarray(_eight_bits(frame))
    image.info["cicp"] = described.info["cicp"]
    return to_srgb(image)


def _eight_bits(frame: Any) -> np.ndarray:
    return np.asarray(frame.reformat(format="rgb24", interpolation=_CONVERSION).to_ndarray())


def _sixteen_bits(frame: Any) -> np.ndarray:
    """(H, W, 3) uint16. Swscale's own matrix is off by up to 0.8 of 255 levels, which PQ makes 3 of sRGB."""
    if frame.format.is_rgb or frame.colorspace not in _KR_KB:
        return np.asarray(frame.reformat(format="rgb48le", interpolation=_CONVERSION).to_ndarray())
    deep = frame.reformat(format="yuv444p16le", interpolation=_CONVERSION)
    planes = [
        np.frombuffer(plane, np.uint16).reshape(frame.height, -1)[:, : frame.width] for plane in deep.planes
    ]
    red, blue = _KR_KB[frame.colorspace]
    black, luma_span, chroma_span = (0, 65535, 65535) if frame.color_range == _FULL else (4096, 56064, 57344)
    rgb = np.empty((frame.height, frame.width, 3), np.uint16)
    for row in range(frame.height):  # floats of a whole frame would take 100 bytes per pixel
        luma, cb, cr = (plane[row].astype(np.float32) for plane in planes)
        y = (luma - black) / luma_span
        r = y + 2 * (1 - red) * (cr - 32768) / chroma_span  # ITU-T H.273, equations 38 to 40
        b = y + 2 * (1 - blue) * (cb - 32768) / chroma_span
        g = (y - red * r - blue * b) / (1 - red - blue)
        rgb[row] = np.rint(np.clip(np.stack([r, g, b], axis=1), 0, 1) * 65535)
    return rgb


def _depth(frame: Any) -> int:
    """Bits per sample."""
    return max(component.bits for component in frame.format.components)
