"""Colour spaces for tests: ICC profiles written here by hand, and their colours by published matrices."""

import struct

import numpy as np

# linear light -> XYZ with white D65, and XYZ -> linear sRGB: CSS Color Module Level 4, section 18
P3 = np.array(
    [
        [608311 / 1250200, 189793 / 714400, 198249 / 1000160],
        [35783 / 156275, 247089 / 357200, 198249 / 2500400],
        [0, 32229 / 714400, 5220557 / 5000800],
    ]
)
ADOBE = np.array(
    [
        [573536 / 994567, 263643 / 1420810, 187206 / 994567],
        [591459 / 1989134, 6239551 / 9945670, 374412 / 4972835],
        [53769 / 1989134, 351524 / 4972835, 4929758 / 4972835],
    ]
)
XYZ_TO_SRGB = np.array(
    [
        [12831 / 3959, -329 / 214, -1974 / 3959],
        [-851781 / 878810, 1648619 / 878810, 36519 / 878810],
        [705 / 12673, -2585 / 12673, 705 / 667],
    ]
)
# red, green and blue of the same spaces adapted to D50, as their profiles store them
P3_D50 = [(0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)]
ADOBE_D50 = [(0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)]
SRGB_D50 = [(0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)]
D50, D65 = (0.9642, 1.0, 0.8249), (0.9505, 1.0, 1.0891)
ADOBE_GAMMA = 563 / 256


def srgb_light(x: np.ndarray) -> np.ndarray:
    return np.where(x <= 0.04045, x / 12.92, ((np.maximum(x, 0.04045) + 0.055) / 1.055) ** 2.4)


def srgb_code(light: np.ndarray) -> np.ndarray:
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def to_srgb(codes: np.ndarray, matrix: np.ndarray, curve) -> np.ndarray:
    """(..., 3) in 0..255 of a space -> (..., 3) float in 0..255 of sRGB."""
    return 255 * srgb_code(curve(np.asarray(codes) / 255) @ (XYZ_TO_SRGB @ matrix).T)


def from_srgb(codes: np.ndarray, matrix: np.ndarray, uncurve) -> np.ndarray:
    """(..., 3) in 0..255 of sRGB -> uint8 of a wider space."""
    light = srgb_light(np.asarray(codes) / 255) @ np.linalg.inv(XYZ_TO_SRGB @ matrix).T
    return np.rint(255 * uncurve(np.clip(light, 0, 1))).astype(np.uint8)


def table(count: int, curve=srgb_light) -> bytes:
    """A sampled curve."""
    codes = np.rint(curve(np.linspace(0, 1, count)) * 65535).astype(">u2")
    return b"curv" + struct.pack(">II", 0, count) + codes.tobytes() + b"\0" * (count % 2 * 2)


def gamma(value: float) -> bytes:
    return b"curv" + struct.pack(">IIHH", 0, 1, round(value * 256), 0)


def srgb_formula() -> bytes:
    """parametricCurveType 3."""
    numbers = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    return b"para" + struct.pack(">IHH5i", 0, 3, 0, *(round(v * 65536) for v in numbers))


def profile(tags: dict[bytes, bytes], space=b"RGB ", pcs=b"XYZ ", kind=b"mntr", v: int = 2) -> bytes:
    """A whole ICC profile, of version `v`."""
    tags = {b"wtpt": xyz(D50), b"cprt": b"text\0\0\0\0none\0\0\0\0", **tags}
    entries, body, start = b"", b"", 132 + 12 * len(tags)
    for name, data in tags.items():
        entries += name + struct.pack(">II", start + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    header = (
        struct.pack(">I4sI", start + len(body), b"test", v << 24) + kind + space + pcs + b"\0" * 12 + b"acsp"
    )
    header = header.ljust(64, b"\0") + struct.pack(">I", 0) + xyz(D50)[8:]
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + entries + body


def xyz(value) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in value))


def rgb_profile(colorants, curve: bytes, v: int = 2, **more: bytes) -> bytes:
    names = (b"rXYZ", b"gXYZ", b"bXYZ")
    tags = dict(zip(names, map(xyz, colorants), strict=True))
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return profile(tags | {name.encode(): data for name, data in more.items()}, v=v)


def grey_profile(curve: bytes) -> bytes:
    return profile({b"kTRC": curve}, b"GRAY")


def cmyk_profile(lab: np.ndarray) -> bytes:
    """Of (2, 2, 2, 2, 3) Lab at the corners of C, M, Y, K (lut8Type)."""
    codes = np.rint(lab.reshape(16, 3) * (2.55, 1, 1) + (0, 128, 128)).astype(np.uint8)
    straight = bytes(range(256))
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    head = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + identity
    lut = head + straight * 4 + codes.tobytes() + straight * 3
    return profile({b"A2B0": lut, b"A2B1": lut}, b"CMYK", b"Lab ", b"prtr")


P3_PROFILE = rgb_profile(P3_D50, srgb_formula(), 4)
ADOBE_PROFILE = rgb_profile(ADOBE_D50, gamma(ADOBE_GAMMA))


def adobe_light(x: np.ndarray) -> np.ndarray:
    return x**ADOBE_GAMMA
