"""ICC profiles: the transform from a profile's colours to sRGB; profiles made from primaries."""

import io
import struct
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

LARGEST = 16 << 20  # bytes; printers' profiles reach 3 MB
_SPACES = {"RGB": "RGB", "CMYK": "CMYK", "GRAY": "L"}  # of an ICC header -> Pillow's mode
_CLASSES = ("mntr", "scnr", "prtr", "spac")  # those that describe the colours of one device or space
_SAME = 3  # levels of 255; sRGB profiles in the wild differ by 1, their shortest tables by 2
_SPAN, _COLOURED, _MIDDLE = 128, 24, (8, 250)  # levels; what every honest profile keeps, see _is_absurd
_D50 = np.array([0.9642, 1.0, 0.8249])  # ICC.1:2022, 7.2.16
Curve = Callable[[np.ndarray], np.ndarray]  # samples in 0..1 -> light
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


@lru_cache(maxsize=16)
def srgb_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Transform of images in `mode` ("RGB", "L", "I;16", "CMYK") to 8-bit sRGB in mode RGB.

    Relative colorimetric with black point compensation. None where nothing is to be done: the profile is
    that of sRGB (by what it does, not by its name), or broken, absurd, or of another kind of colour than
    `mode`. One transform may be applied by several threads.
    """
    if len(profile) > LARGEST:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = _SPACES.get(source.profile.xcolor_space.strip())
        if space != mode.replace("I;16", "L") or source.profile.device_class not in _CLASSES:
            return None
        flags = ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.NOCACHE
        if space == "L":  # else its curve is resampled, 6 levels off in the shadows of linear light
            flags |= ImageCms.Flags.NOOPTIMIZE
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        target = ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(source, target, mode, "RGB", intent, flags)
        probe = ImageCms.buildTransform(source, target, space, "RGB", intent, flags)
        return None if _is_absurd(probe, space) or _is_srgb(probe, space) else transform
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, MemoryError):
        return None


@lru_cache(maxsize=1)
def lab_transform() -> ImageCms.ImageCmsTransform:
    """Transform of images in mode LAB (CIE L*a*b*, D50) to sRGB, shared as those of `srgb_transform`."""
    source, target = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.NOCACHE
    return ImageCms.buildTransform(source, target, "LAB", "RGB", intent, flags)


def _apply(transform: ImageCms.ImageCmsTransform, values: np.ndarray, mode: str) -> np.ndarray:
    """(N,) or (N, C) uint8 -> (N, 3) float."""
    image = Image.frombytes(mode, (len(values), 1), np.ascontiguousarray(values, dtype=np.uint8).tobytes())
    return np.asarray(transform.apply(image), dtype=float)[0]


def _is_srgb(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    if mode not in ("RGB", "L"):
        return False
    steps = np.arange(0, 256, 15)
    cube = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    values = cube if mode == "RGB" else np.arange(256)
    expected = cube if mode == "RGB" else values[:, None]
    return bool(np.abs(_apply(transform, values, mode) - expected).max() <= _SAME)


def _is_absurd(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether white is hardly lighter than black, greys don't rise, or the primaries lose their colour."""
    ramp = np.linspace(0, 255, 17).round()
    black_to_white = {
        "RGB": np.repeat(ramp[:, None], 3, axis=1),
        "L": ramp,
        "CMYK": np.column_stack([np.zeros((17, 3)), 255 - ramp]),
    }[mode]
    light = _apply(transform, black_to_white, mode).mean(axis=1)
    falls, middle = (np.diff(light) < -_SAME).any(), _MIDDLE[0] <= light[8] <= _MIDDLE[1]
    if light[-1] - light[0] < _SPAN or falls or not middle:
        return True
    if mode != "RGB":
        return False
    primaries = _apply(transform, 255 * np.eye(3), "RGB")
    return bool((np.ptp(primaries, axis=1) < _COLOURED).any())


@lru_cache(maxsize=32)
def matrix_profile(chromaticities: tuple[float, ...], curve: Curve) -> bytes:
    """ICC profile (version 2, RGB) of a space of three primaries.

    Args:
        chromaticities: x, y of white, red, green, blue.
        curve: samples in 0..1 -> light in 0..1, the same for the three.

    Raises:
        ValueError: chromaticities that span nothing.
    """
    x, y = np.array(chromaticities, dtype=float).reshape(4, 2).T
    if not (y > 0).all():
        raise ValueError("chromaticities with y = 0")
    xyz = np.stack([x / y, np.ones(4), (1 - x - y) / y])  # a column each: white, red, green, blue
    try:
        matrix = xyz[:, 1:] * np.linalg.solve(xyz[:, 1:], xyz[:, 0])
    except np.linalg.LinAlgError as error:
        raise ValueError("chromaticities on one line") from error
    gain = (_BRADFORD @ _D50) / (_BRADFORD @ xyz[:, 0])  # from the space's white to D50
    matrix = np.linalg.inv(_BRADFORD) @ (gain[:, None] * (_BRADFORD @ matrix))
    table = np.rint(np.clip(curve(np.linspace(0, 1, 4096)), 0, 1) * 65535).astype(">u2").tobytes()
    columns = {b"wtpt": _D50, b"rXYZ": matrix[:, 0], b"gXYZ": matrix[:, 1], b"bXYZ": matrix[:, 2]}
    tags = {name: _xyz(value) for name, value in columns.items()}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), b"curv" + struct.pack(">II", 0, 4096) + table)
    entries, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        entries += name + struct.pack(">II", 132 + 12 * len(tags) + len(body), len(data))
        body += data
    size = 128 + len(entries) + len(body)
    header = struct.pack(">I4xI4s4s4s", size, 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    header = header.ljust(36, b"\0") + b"acsp".ljust(32, b"\0") + _xyz(_D50)[8:]
    return header.ljust(128, b"\0") + entries + body


def _xyz(value: np.ndarray) -> bytes:
    """XYZType, ICC.1:2022, 10.31."""
    return b"XYZ " + struct.pack(">I3i", 0, *(round(float(v) * 65536) for v in value))
