"""Samples of many depths: values chosen here, written by tifffile, OpenCV or bit by bit, scaled by numpy."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from rankiqa.image import read_rgb

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (48, 64)) / 255
COLOUR = RNG.integers(0, 256, (48, 64, 3)) / 255
GREY[0, :2], COLOUR[0, :2] = (0, 1), ((0, 0, 0), (1, 1, 1))


def read(path: Path) -> np.ndarray:
    image = read_rgb(path)
    assert image.mode == "RGB"
    return np.asarray(image).astype(int)


def close(path: Path, expected: np.ndarray, tolerance: float = 1) -> None:
    """`expected`: (H, W) or (H, W, 3) in 0..1; 1 level for the rounding of coarser samples."""
    wanted = np.rint(expected * 255)
    wanted = wanted if wanted.ndim == 3 else np.repeat(wanted[:, :, None], 3, axis=2)
    found = read(path)
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= tolerance


def tiff(path: Path, values: np.ndarray, **options) -> Path:
    photometric = "rgb" if values.ndim == 3 and min(values.shape) > 2 else "minisblack"
    tifffile.imwrite(path, values, **({"photometric": photometric, "metadata": None} | options))
    return path


def stored(values: np.ndarray, dtype: str) -> np.ndarray:
    """0..1 over the range of an unsigned, or the positive range of a signed type; floats stay."""
    kind = np.dtype(dtype)
    return values.astype(kind) if kind.kind == "f" else np.rint(values * np.iinfo(kind).max).astype(kind)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("values", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "i1", "i2", "i4", "f2", "f4", "f8"])
def test_tiffs_of_every_type(tmp_path, values, dtype, byteorder):
    path = tiff(tmp_path / "a.tif", stored(values, dtype), byteorder=byteorder)
    close(path, values, 0 if dtype == "u1" else 1)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "f4"])
def test_white_at_zero(tmp_path, dtype, byteorder):
    path = tiff(tmp_path / "a.tif", stored(1 - GREY, dtype), photometric="miniswhite", byteorder=byteorder)
    close(path, GREY)


@pytest.mark.parametrize("values", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("dtype", ["u2", "f4", "f8"])
@pytest.mark.parametrize(
    "options",
    [
        {"tile": (16, 16)},
        {"compression": "deflate"},
        {"rowsperstrip": 5},
        {"bigtiff": True},
    ],
    ids=lambda options: next(iter(options)) + str(len(options)),
)
def test_layouts(tmp_path, values, dtype, options):
    close(tiff(tmp_path / "a.tif", stored(values, dtype), **options), values)


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "f2", "f4"])
def test_planes(tmp_path, dtype):
    planes = stored(COLOUR, dtype).transpose(2, 0, 1)
    close(tiff(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate"), COLOUR)


@pytest.mark.parametrize("predictor", [1, 2, 3])
def test_lzw_floats_of_opencv(tmp_path, predictor):
    options = [cv2.IMWRITE_TIFF_COMPRESSION, 5, cv2.IMWRITE_TIFF_PREDICTOR, predictor]
    for name, values in (("g", GREY), ("c", COLOUR)):
        samples = values if name == "g" else values[:, :, ::-1]
        cv2.imwrite(str(tmp_path / f"{name}.tif"), samples.astype(np.float32), options)
        close(tmp_path / f"{name}.tif", values)


@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha"])
@pytest.mark.parametrize("dtype", ["u2", "f4"])
@pytest.mark.parametrize("values", [GREY, COLOUR], ids=["grey", "colour"])
def test_alpha_of_deep_tiffs(tmp_path, values, dtype, kind):
    alpha = np.where(RNG.random(GREY.shape) < 0.3, 0.0, RNG.random(GREY.shape))
    alpha[0, 1] = 1
    shown = values if values.ndim == 3 else values[:, :, None]
    share = alpha[:, :, None]
    samples = np.dstack([shown * share if kind == "assocalpha" else shown, alpha])
    photometric = "rgb" if values.ndim == 3 else "minisblack"
    options = {"photometric": photometric, "extrasamples": [kind], "planarconfig": "contig"}
    path = tiff(tmp_path / "a.tif", stored(samples, dtype), **options)
    close(path, np.broadcast_to(shown * share + 1 - share, (48, 64, 3)), 3)


def packed(path: Path, values: np.ndarray, bits: int) -> Path:
    """An uncompressed TIFF whose samples follow one another bit by bit (TIFF 6.0, section 8)."""
    rows = values.reshape(len(values), -1)
    places = np.arange(bits)[::-1]
    data = b"".join(np.packbits((row[:, None] >> places & 1).astype(np.uint8)).tobytes() for row in rows)
    data += b"\0" * (len(data) % 2)
    count = values.shape[2] if values.ndim == 3 else 1
    tags = [(256, 4, values.shape[1]), (257, 4, values.shape[0]), (258, 3, bits), (259, 3, 1)]
    tags += [(262, 3, 2 if count == 3 else 1), (273, 4, 8), (277, 3, count), (278, 4, len(values))]
    tags += [(279, 4, len(data))]
    at = 8 + len(data)
    depths = struct.pack(f"<{count}H", *[bits] * count)
    directory = struct.pack("<H", len(tags))
    for tag, kind, value in tags:
        if tag == 258:
            after = at + 2 + 12 * len(tags) + 4
            field = struct.pack("<I", after) if count == 3 else depths.ljust(4, b"\0")
            directory += struct.pack("<HHI", tag, kind, count) + field
        else:
            directory += struct.pack("<HHII", tag, kind, 1, value)
    path.write_bytes(b"II*\0" + struct.pack("<I", at) + data + directory + bytes(4) + depths)
    return path


@pytest.mark.parametrize("values", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("bits", [10, 12, 14])
def test_packed_bits(tmp_path, values, bits):
    close(packed(tmp_path / "a.tif", np.rint(values * (2**bits - 1)).astype(np.uint16), bits), values)


@pytest.mark.parametrize("tag", [281, 341])  # MaxSampleValue, SMaxSampleValue
@pytest.mark.parametrize("bits", [8, 10, 12, 14])
def test_the_tag_of_the_largest_value_tells_white(tmp_path, tag, bits):
    values = np.rint(GREY * (2**bits - 1)).astype(np.uint16)
    for name, largest in (("full", 2**bits - 1), ("in use", 2**bits - 5)):  # both meanings are written
        path = tiff(tmp_path / f"{name}.tif", values, extratags=[(tag, "H", 1, largest, True)])
        close(path, GREY)


def test_tags_that_the_samples_contradict_are_ignored(tmp_path):
    path = tiff(tmp_path / "a.tif", stored(GREY, "u2"), extratags=[(341, "H", 1, 255, True)])
    close(path, GREY)


def test_dark_sixteen_bits_stay_dark(tmp_path):
    close(tiff(tmp_path / "a.tif", np.rint(GREY * 4095).astype(np.uint16)), GREY / 16)


WHITES = {"1": 1.0, "255": 255.0, "65535": 65535.0}


@pytest.mark.parametrize("values", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("white", WHITES)
@pytest.mark.parametrize("largest", [1.02, 1.4, 3.0, 300.0, 1e9])
def test_one_pixel_does_not_decide_about_the_scale(tmp_path, values, white, largest):
    values = values.copy()
    values[5, 7] = largest
    path = tiff(tmp_path / "a.tif", (values * WHITES[white]).astype(np.float32))
    close(path, np.minimum(values, 1))


@pytest.mark.parametrize("white", WHITES)
@pytest.mark.parametrize("low", [-0.03, -1e6])
def test_negative_overshoot_is_black(tmp_path, white, low):
    values = GREY.copy()
    values[5, 7] = low
    path = tiff(tmp_path / "a.tif", (values * WHITES[white]).astype(np.float32))
    close(path, np.maximum(values, 0))


@pytest.mark.parametrize("white", WHITES)
def test_overshoot_of_sharpening(tmp_path, white):
    values = GREY * 1.3 - 0.15  # about a tenth above white, a tenth below black
    path = tiff(tmp_path / "a.tif", (values * WHITES[white]).astype(np.float32))
    close(path, np.clip(values, 0, 1))


def test_highlights_of_linear_light_are_clipped(tmp_path):
    values = GREY.copy()
    values[:3, :] = RNG.random((3, 64)) * 14 + 1  # 6 % of the image, up to 15 times white
    close(tiff(tmp_path / "a.tif", values.astype(np.float32)), np.minimum(values, 1))


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_dark_images_stay_dark(tmp_path, share):
    for white in (255.0, 65535.0):
        close(tiff(tmp_path / "a.tif", (GREY * white * share).astype(np.float32)), GREY * share)


def test_small_bright_object_before_black(tmp_path):
    values = np.zeros((100, 100))
    values[:5, :5] = 0.8
    close(tiff(tmp_path / "a.tif", (values * 255).astype(np.float32)), values)


def test_large_integers_of_32_bits(tmp_path):
    for dtype in ("i4", "u4"):
        values = np.rint(GREY * 65535)
        close(tiff(tmp_path / "16.tif", values.astype(dtype)), GREY)
        values[5, 7] = 2**31 - 1
        expected = GREY.copy()
        expected[5, 7] = 1
        close(tiff(tmp_path / "hot.tif", values.astype(dtype)), expected)


@pytest.mark.parametrize("alpha", [False, True])
def test_jpeg_2000_of_sixteen_bits(tmp_path, alpha):
    samples = stored(COLOUR, "u2")
    if alpha:
        samples = np.dstack([samples, np.full(GREY.shape, 65535, np.uint16)])
    order = [2, 1, 0, 3][: samples.shape[2]]
    cv2.imwrite(str(tmp_path / "a.jp2"), samples[:, :, order], [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000])
    close(tmp_path / "a.jp2", COLOUR)
    cv2.imwrite(str(tmp_path / "g.jp2"), stored(GREY, "u2"), [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000])
    close(tmp_path / "g.jp2", GREY)


@pytest.mark.parametrize("largest", [1, 15, 100, 1000, 4095, 65535])
@pytest.mark.parametrize("magic", ["P5", "P6"])
def test_portable_maps_by_their_maximum(tmp_path, magic, largest):
    values = np.rint((GREY if magic == "P5" else COLOUR) * largest)
    head = f"{magic}\n64 48\n{largest}\n".encode()
    (tmp_path / "a.ppm").write_bytes(head + values.astype(">u2" if largest > 255 else "u1").tobytes())
    close(tmp_path / "a.ppm", values / largest)


def test_portable_float_map(tmp_path):
    values = GREY.copy()
    values[5, 7] = 1.02
    (tmp_path / "a.pfm").write_bytes(b"Pf\n64 48\n-1.0\n" + values[::-1].astype("<f4").tobytes())
    close(tmp_path / "a.pfm", np.minimum(values, 1))
