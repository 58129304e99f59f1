"""Which colour space an image says that its samples are in: ICC profile, chunks of PNG, EXIF."""

from functools import lru_cache

import numpy as np
from PIL import ExifTags, Image

from dataloader.profiles import matrix_profile

SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)  # x, y of white, red, green, blue: IEC 61966-2-1
ADOBE_RGB = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)  # Adobe RGB (1998), 4.3.1
_ADOBE_GAMMA = 563 / 256  # the same, 4.3.4.2
_SRGB_GAMMA, _NEAR = 1 / 2.2, 0.05  # a gAMA that near is written for sRGB; libpng has that threshold


def claimed_profile(image: Image.Image) -> bytes | None:
    """The ICC profile of `image`, embedded or made from what its metadata say; None: sRGB, or nothing said.

    The first of: ICC profile, PNG's sRGB chunk, PNG's cHRM and gAMA, Adobe RGB in EXIF (R03 of DCF).
    """
    embedded = image.info.get("icc_profile")
    if isinstance(embedded, bytes) and embedded:
        return embedded
    if "srgb" in image.info:
        return None
    try:
        if "gamma" in image.info or "chromaticity" in image.info:
            return _of_png(image.info.get("gamma"), image.info.get("chromaticity"))
        if b"R03" in image.info.get("exif", b"") and _is_adobe_rgb(image.getexif()):
            return matrix_profile(ADOBE_RGB, power(_ADOBE_GAMMA))
    except (ValueError, TypeError, ArithmeticError, SyntaxError):
        pass  # numbers that describe no colour space
    return None


def _of_png(gamma: float | None, chromaticities: tuple[float, ...] | None) -> bytes | None:
    near_srgb = gamma is None or abs(gamma / _SRGB_GAMMA - 1) <= _NEAR
    if near_srgb and chromaticities is None:
        return None
    if gamma == 0:
        return None
    curve = srgb_curve if gamma is None or near_srgb else power(1 / gamma)
    return matrix_profile(SRGB if chromaticities is None else chromaticities, curve)


def _is_adobe_rgb(exif: Image.Exif) -> bool:
    """DCF 2.0: interoperability index R03, and not ColorSpace = 1, which is sRGB."""
    if exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace) == 1:
        return False
    return str(exif.get_ifd(ExifTags.IFD.Interop).get(1, "")).startswith("R03")


@lru_cache(maxsize=32)
def power(exponent: float):
    """The curve x ** exponent."""
    return lambda x: x**exponent


def srgb_curve(x: np.ndarray) -> np.ndarray:
    """Samples of sRGB in 0..1 -> light, IEC 61966-2-1."""
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
