"""Colours of 16 bits by profiles of matrix and curves: Pillow's transforms take 8 bits per channel."""

import struct
from typing import Any

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

from rankiqa.decoding.color_space import claimed_profile
from rankiqa.decoding.profiles import srgb_transform

_DEEP_PNG = ("RGB;16B", "RGBA;16B")  # Pillow's raw modes
_BY_TABLES = (b"A2B0", b"A2B1", b"D2B0", b"D2B1")  # tags that go before matrix and curves


def deep_to_srgb(samples: np.ndarray, profile: bytes | None) -> np.ndarray | None:
    """(H, W, 3) uint16 over their whole range -> uint8 of sRGB.

    None where there is no profile, or one that is ignored or sRGB's (`srgb_transform`), or that has tables.
    """
    if profile is None or srgb_transform(profile, "RGB") is None:
        return None
    target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source, destination = _tags(profile), _tags(target)
    names = (b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC")
    if any(name in source for name in _BY_TABLES) or not all(name in source for name in names):
        return None
    try:
        matrix = np.linalg.solve(_colorants(destination), _colorants(source))
        curves = [_curve(source[name]) for name in names[3:]]
    except (ValueError, LookupError, ArithmeticError, struct.error):  # forms that only Little CMS reads
        return None
    codes = np.arange(65536) / 65535
    encode = np.where(codes <= 0.0031308, 12.92 * codes, 1.055 * codes ** (1 / 2.4) - 0.055)  # IEC 61966-2-1
    levels = np.rint(255 * encode).astype(np.uint8)
    out = np.empty(samples.shape, np.uint8)
    for row in range(len(samples)):  # a row at a time: floats of all would take 24 bytes per pixel and more
        light = np.stack([curve[samples[row, :, i]] for i, curve in enumerate(curves)], axis=-1)
        out[row] = levels[np.rint(np.clip(light @ matrix.T, 0, 1) * 65535).astype(np.uint16)]
    return out


def _tags(profile: bytes) -> dict[bytes, bytes]:
    """ICC.1:2022, 7.3; of a profile that Little CMS has opened."""
    count = struct.unpack(">I", profile[128:132])[0]
    entries = struct.iter_unpack(">4sII", profile[132 : 132 + 12 * count])
    return {name: profile[start : start + size] for name, start, size in entries}


def _colorants(tags: dict[bytes, bytes]) -> np.ndarray:
    """(3, 3), XYZ of red, green and blue in the columns."""
    names = (b"rXYZ", b"gXYZ", b"bXYZ")
    return np.array([struct.unpack(">3i", tags[name][8:20]) for name in names]).T / 65536


def _curve(tag: bytes) -> np.ndarray:
    """Light in 0..1 of the 65536 codes: curveType and parametricCurveType, ICC.1:2022, 10.6 and 10.18."""
    x = np.arange(65536) / 65535
    if tag[:4] == b"curv":
        count = struct.unpack(">I", tag[8:12])[0]
        values = np.frombuffer(tag[12 : 12 + 2 * count], ">u2")
        if count == 0:
            return x
        return (
            x ** (values[0] / 256) if count == 1 else np.interp(x, np.linspace(0, 1, count), values / 65535)
        )
    kind = struct.unpack(">H", tag[8:10])[0]
    count = (1, 3, 4, 5, 7)[kind]
    numbers = [value / 65536 for value in struct.unpack(f">{count}i", tag[12 : 12 + 4 * count])]
    if kind == 0:
        return x ** numbers[0]
    g, a, b, c, d, e, f = numbers + [0.0] * (7 - count)
    power = np.maximum(a * x + b, 0) ** g
    if kind in (1, 2):  # c is the height of what is left of -b / a
        return np.clip(power + c, 0, 1)
    return np.clip(np.where(x >= d, power + e, c * x + f), 0, 1)


def is_deep_png(image: Image.Image) -> bool:
    """Whether an image, opened and not yet loaded, is a PNG of 16-bit colours without a transparent one."""
    tiles: Any = getattr(image, "tile", ())
    return len(tiles) > 0 and tiles[0][3] in _DEEP_PNG and "transparency" not in image.info


class DeepPng(PngImagePlugin.PngImageFile):
    """Pillow image of a PNG; colours of 16 bits are converted by their profile before they become 8 bits."""

    def load(self) -> Any:
        """Decode at the first call; the profile is gone afterwards where it was applied."""
        data = b""
        if is_deep_png(self) and claimed_profile(self) is not None and self.fp is not None:
            at = self.fp.tell()
            self.fp.seek(0)
            data = self.fp.read()
            self.fp.seek(at)
        pixels = super().load()
        if data and (converted := _from_png(data, claimed_profile(self), self.mode)) is not None:
            self.im = Image.fromarray(converted).im
            forget_profile(self)
            pixels = super().load()
        return pixels


def forget_profile(image: Image.Image) -> None:
    """Drop what `claimed_profile` reads, of an image that is sRGB by now."""
    for key in ("icc_profile", "cicp", "gamma", "chromaticity"):
        image.info.pop(key, None)
    image.info["srgb"] = 1


def _from_png(data: bytes, profile: bytes | None, mode: str) -> np.ndarray | None:
    """(H, W, 3 or 4) uint8 of sRGB; None where Pillow's 8 bits have to do."""
    try:
        import cv2
    except ImportError:
        return None
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None or stored.dtype != np.uint16 or stored.ndim != 3 or stored.shape[2] != len(mode):
        return None
    colours = deep_to_srgb(stored[:, :, 2::-1], profile)
    if colours is None or mode == "RGB":
        return colours
    return np.dstack([colours, np.rint(stored[:, :, 3] / 257).astype(np.uint8)])
