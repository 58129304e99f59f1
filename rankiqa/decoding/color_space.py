"""Which colour space an image says that its samples are in: ICC profile, chunks of PNG, EXIF."""

import struct
from functools import lru_cache

import numpy as np
from PIL import ExifTags, Image

from rankiqa.decoding.profiles import Curve, matrix_profile

SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)  # x, y of white, red, green, blue: IEC 61966-2-1
ADOBE_RGB = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)  # Adobe RGB (1998), 4.3.1
_ADOBE_GAMMA = 563 / 256  # the same, 4.3.4.2
_SRGB_GAMMA, _NEAR = 1 / 2.2, 0.05  # a gAMA that near is written for sRGB; libpng has that threshold

REFERENCE_WHITE = 203.0  # cd/m2, ITU-R BT.2408: white of text and paper in HDR; what is lighter is clipped


def srgb_curve(x: np.ndarray) -> np.ndarray:
    """Samples of sRGB in 0..1 -> light, IEC 61966-2-1."""
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


@lru_cache(maxsize=32)
def power(exponent: float) -> Curve:
    """The curve x ** exponent; the same object for the same exponent."""
    return lambda x: x**exponent


def pq_curve(x: np.ndarray) -> np.ndarray:
    """Samples of PQ in 0..1 -> light, 1 at the reference white: SMPTE ST 2084, equation 4.1."""
    root = x ** (32 / 2523)
    light = np.maximum(root - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * root)
    return light ** (16384 / 2610) * 10000 / REFERENCE_WHITE


def hlg_curve(x: np.ndarray) -> np.ndarray:
    """Samples of HLG in 0..1 -> light of the scene, 1 at the reference white of 75 %: BT.2100, table 5."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073

    def light(x: np.ndarray) -> np.ndarray:
        return np.where(x <= 0.5, x**2 / 3, (np.exp((x - c) / a) + b) / 12)

    return light(x) / light(np.array(0.75))


_D65 = SRGB[:2]
_PRIMARIES = {  # ITU-T H.273, table 2
    4: (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}
_TRANSFERS = {4: power(2.2), 5: power(2.8), 8: power(1.0), 16: pq_curve, 18: hlg_curve}  # table 3


def claimed_profile(image: Image.Image) -> bytes | None:
    """The ICC profile of `image`, embedded or made from what its metadata say; None: sRGB, or nothing said.

    The first of: ICC profile, cICP or nclx, sRGB of PNG, cHRM and gAMA of PNG, Adobe RGB in EXIF (DCF's R03).
    """
    embedded, cicp = image.info.get("icc_profile"), image.info.get("cicp")
    if isinstance(embedded, bytes) and embedded:
        return embedded
    try:
        if cicp:
            return _of_cicp(*cicp)
        if "srgb" in image.info:
            return None
        if "gamma" in image.info or "chromaticity" in image.info:
            return _of_png(image.info.get("gamma"), image.info.get("chromaticity"))
        if b"R03" in image.info.get("exif", b"") and _is_adobe_rgb(image.getexif()):
            return matrix_profile(ADOBE_RGB, power(_ADOBE_GAMMA))
    except (ValueError, TypeError, ArithmeticError, LookupError, OSError, SyntaxError, struct.error):
        pass  # numbers that describe no colour space
    return None


def _of_cicp(primaries: int, transfer: int) -> bytes | None:
    """Code points of ITU-T H.273; unknown ones, and those of video (BT.709, BT.601), mean sRGB's."""
    chromaticities, curve = _PRIMARIES.get(primaries, SRGB), _TRANSFERS.get(transfer, srgb_curve)
    return None if chromaticities == SRGB and curve is srgb_curve else matrix_profile(chromaticities, curve)


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
