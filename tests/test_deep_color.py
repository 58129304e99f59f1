"""Profiles of 16-bit and float colours: to the rounding what numpy makes of the samples at full precision."""

import struct
import zlib
from pathlib import Path

import color_files as cf
import cv2
import numpy as np
import pytest
import tifffile

from rankiqa.image import read_rgb

LIGHT = np.random.default_rng(0).random((32, 48, 3)) ** 4  # mostly dark, where 8 linear bits are coarse
PROPHOTO_D50 = [(0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82491)]


def para(kind: int, *numbers: float) -> bytes:
    return b"para" + struct.pack(f">IHH{len(numbers)}i", 0, kind, 0, *(round(v * 65536) for v in numbers))


CURVES = {  # the tag, and the light of a code
    "linear": (b"curv" + bytes(8), lambda x: x),
    "gamma": (cf.gamma(1.8), lambda x: x ** (461 / 256)),
    "table": (cf.table(1024), cf.srgb_light),
    "para 0": (para(0, 2.2), lambda x: x**2.2),
    "para 1": (para(1, 2, 1.25, -0.25), lambda x: np.maximum(1.25 * x - 0.25, 0) ** 2),
    "para 2": (para(2, 2, 0.75, 0.125, 0.125), lambda x: (0.75 * x + 0.125) ** 2 + 0.125),
    "para 3": (para(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045), cf.srgb_light),
    "para 4": (
        para(4, 2, 0.875, 0.125, 0.25, 0.125, 0, 0),
        lambda x: np.where(x < 0.125, x / 4, (0.875 * x + 0.125) ** 2),
    ),
}


def written(path: Path, codes: np.ndarray, profile: bytes | None) -> Path:
    """(H, W, 3 or 4) codes in 0..1, as float or 16-bit TIFF or as 16-bit PNG by the name."""
    deep = np.rint(codes * 65535).astype(np.uint16)
    if path.suffix == ".tif":
        samples = codes.astype(np.float32) if "float" in path.name else deep
        tifffile.imwrite(path, samples, photometric="rgb", iccprofile=profile, metadata=None)
        return path
    data = cv2.imencode(".png", deep[:, :, [2, 1, 0, 3][: deep.shape[2]]])[1].tobytes()
    if profile is not None:
        chunk = b"iCCPx\0\0" + zlib.compress(profile)
        chunk = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        data = data[:33] + chunk + data[33:]
    path.write_bytes(data)
    return path


def read(path: Path) -> np.ndarray:
    return np.asarray(read_rgb(path)).astype(int)


@pytest.mark.parametrize("name", ["float.tif", "16.tif", "16.png"])
@pytest.mark.parametrize("curve", CURVES)
def test_deep_colours_keep_their_precision(tmp_path, name, curve):
    tag, light = CURVES[curve]
    path = written(tmp_path / name, LIGHT, cf.rgb_profile(PROPHOTO_D50, tag, 4))
    matrix = np.linalg.inv(np.array(cf.SRGB_D50).T) @ np.array(PROPHOTO_D50).T
    expected = 255 * cf.srgb_code(np.clip(light(LIGHT), 0, 1) @ matrix.T)
    assert np.abs(read(path) - expected).max() <= 1


@pytest.mark.parametrize("name", ["float.tif", "16.tif", "16.png"])
def test_alpha_of_deep_colours(tmp_path, name):
    alpha = np.random.default_rng(1).random(LIGHT.shape[:2])
    path = written(tmp_path / name, np.dstack([LIGHT, alpha]), cf.rgb_profile(cf.SRGB_D50, cf.gamma(1.0)))
    share = alpha[:, :, None]
    assert np.abs(read(path) - (255 * cf.srgb_code(LIGHT) * share + 255 * (1 - share))).max() <= 2


@pytest.mark.parametrize("name", ["float.tif", "16.tif", "16.png"])
@pytest.mark.parametrize("kind", ["srgb", "broken", "black"])
def test_profiles_with_nothing_to_do_change_no_bit(tmp_path, name, kind):
    profile = {
        "srgb": cf.rgb_profile(cf.SRGB_D50, cf.table(1024)),
        "broken": cf.P3_PROFILE[:200],
        "black": cf.rgb_profile([(0, 0, 0)] * 3, cf.gamma(1.0)),
    }[kind]
    plain = written(tmp_path / f"plain_{name}", LIGHT, None)
    assert np.array_equal(read(written(tmp_path / name, LIGHT, profile)), read(plain))


def test_the_chunk_of_linear_light_is_applied_to_sixteen_bits(tmp_path):
    data = written(tmp_path / "a.png", LIGHT, None).read_bytes()
    chunk = b"gAMA" + struct.pack(">I", 100_000)
    chunk = struct.pack(">I", 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "a.png").write_bytes(data[:33] + chunk + data[33:])
    assert np.abs(read(tmp_path / "a.png") - 255 * cf.srgb_code(LIGHT)).max() <= 1
