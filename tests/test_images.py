"""Oracles: pixels chosen here and turned or mixed by numpy; PNGs written by hand, chunk by chunk."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rankiqa.batch.folders import find_images
from rankiqa.image import read_rgb
from utils.errors import ImageError

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
TURNS = {  # EXIF 2.32, table 6: what has to be done to the stored pixels
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


def png(path: Path, pixels: np.ndarray, depth: int, colour_type: int, *extra: tuple[bytes, bytes]) -> Path:
    """Write (H, W) or (H, W, C) big-endian samples as a PNG without filters."""
    rows = pixels.reshape(len(pixels), -1).astype(">u2" if depth == 16 else "u1")
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], depth, colour_type, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    chunks = [(b"IHDR", header), *extra, (b"IDAT", data), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(text)) + kind + text + struct.pack(">I", zlib.crc32(kind + text))
        for kind, text in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


def read(path: Path) -> np.ndarray:
    image = read_rgb(path)
    assert image.mode == "RGB"
    return np.asarray(image).astype(int)


def close(path: Path, expected: np.ndarray, tolerance: float = 0.0) -> None:
    found = read(path)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= tolerance


def grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[:, :, None], 3, axis=2)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "ppm", "webp"])
def test_lossless_formats_keep_every_pixel(tmp_path, suffix):
    path = tmp_path / f"größe 日本.{suffix}"
    Image.fromarray(COLOUR).save(path, **({"lossless": True} if suffix == "webp" else {}))
    close(path, COLOUR.astype(int))


def test_sixteen_bit_grey_is_scaled(tmp_path):
    values = np.array([[0, 257, 32768, 65535], [1, 128, 129, 60000]])
    close(png(tmp_path / "a.png", values, 16, 0), grey(np.rint(values / 257)), 1)
    dark = np.array([[0, 100, 200, 255]])  # stays dark: the scale is the format's, not the image's
    close(png(tmp_path / "dark.png", dark, 16, 0), grey(np.rint(dark / 257)))


def test_sixteen_bit_colour_is_scaled(tmp_path):
    values = RNG.integers(0, 65536, (5, 7, 3))
    close(png(tmp_path / "a.png", values, 16, 2), values / 257, 1)


def test_palette_with_alpha_lies_on_white(tmp_path):
    palette, alpha = bytes([255, 0, 0, 0, 100, 0, 10, 20, 30]), bytes([0, 128])  # the third is opaque
    path = png(tmp_path / "a.png", np.array([[0, 1, 2]]), 8, 3, (b"PLTE", palette), (b"tRNS", alpha))
    share = 128 / 255
    mixed = [round(255 * (1 - share)), round(100 * share + 255 * (1 - share)), round(255 * (1 - share))]
    close(path, np.array([[[255, 255, 255], mixed, [10, 20, 30]]]), 1)


@pytest.mark.parametrize(("colour_type", "channels"), [(6, 3), (4, 1)])
@pytest.mark.parametrize("depth", [8, 16])
def test_alpha_lies_on_white(tmp_path, colour_type, channels, depth):
    pixels = RNG.integers(0, 256, (5, 7, channels + 1))
    pixels[0, 0, -1], pixels[0, 1, -1] = 0, 255
    path = png(tmp_path / "a.png", pixels * (257 if depth == 16 else 1), depth, colour_type)
    share = pixels[:, :, -1:] / 255
    expected = pixels[:, :, :-1] * share + 255 * (1 - share)
    close(path, np.broadcast_to(expected, (5, 7, 3)), 1)


def test_one_transparent_colour(tmp_path):
    path = png(tmp_path / "a.png", np.array([[7, 8]]), 8, 0, (b"tRNS", struct.pack(">H", 7)))
    close(path, np.array([[[255] * 3, [8] * 3]]))
    key = (b"tRNS", struct.pack(">HHH", 1, 2, 3))
    path = png(tmp_path / "b.png", np.array([[[1, 2, 3], [1, 2, 4]]]), 8, 2, key)
    close(path, np.array([[[255] * 3, [1, 2, 4]]]))


def test_bilevel_and_single_pixel(tmp_path):
    bits = RNG.integers(0, 2, (5, 7)).astype(bool)
    Image.fromarray(bits).save(tmp_path / "bits.png")
    close(tmp_path / "bits.png", grey(bits * 255))
    close(png(tmp_path / "one.png", np.array([[[1, 2, 3]]]), 8, 2), np.array([[[1, 2, 3]]]))


def test_cmyk_jpeg(tmp_path):
    flat = np.zeros((16, 16, 4), np.uint8)
    flat[:] = (0, 255, 128, 51)  # no cyan, all magenta, half yellow, a fifth of black
    Image.frombytes("CMYK", (16, 16), flat.tobytes()).save(tmp_path / "a.jpg", quality=100)
    expected = [255 * 0.8, 0, 127 * 0.8]
    close(tmp_path / "a.jpg", np.broadcast_to(np.array(expected), (16, 16, 3)), 4)


@pytest.mark.parametrize("scale", [1.0, 255.0, 65535.0])
def test_float_tiff(tmp_path, scale):
    values = RNG.random((5, 7)).astype(np.float32)
    values[0, 0] = 1.0
    Image.fromarray(values * np.float32(scale)).save(tmp_path / "a.tif")
    close(tmp_path / "a.tif", grey(np.rint(values * 255)), 1)


def test_first_frame_of_an_animated_gif(tmp_path):
    frames = [Image.new("RGB", (8, 5), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    close(tmp_path / "a.gif", np.broadcast_to(np.array([255, 0, 0]), (5, 8, 3)))


@pytest.mark.parametrize("orientation", TURNS)
def test_exif_orientation_of_a_jpeg(tmp_path, orientation):
    blocks = np.kron(np.array([[30, 90, 150], [200, 240, 60]]), np.ones((16, 16))).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(blocks).save(tmp_path / "a.jpg", exif=exif, quality=100)
    close(tmp_path / "a.jpg", TURNS[orientation](grey(blocks.astype(int))), 4)


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("orientation", TURNS)
def test_orientation_of_a_tiff(tmp_path, orientation, mode, compression):
    pixels = {
        "L": COLOUR[:, :, 0],
        "RGB": COLOUR,
        "RGBA": np.dstack([COLOUR, np.full((6, 9), 255, np.uint8)]),
        "I;16": COLOUR[:, :, 0].astype(np.uint16) * 257,
    }[mode]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"compression": compression} if compression else {}
    Image.fromarray(pixels).save(tmp_path / "a.tif", exif=exif, **options)
    wanted = COLOUR if mode.startswith("RGB") else grey(COLOUR[:, :, 0])
    close(tmp_path / "a.tif", TURNS[orientation](wanted.astype(int)))


def spoilt(folder: Path, fault: str) -> Path:
    path = folder / {"truncated": "a.jpg", "text": "a.jpg", "heif": "a.avif", "nan": "a.tif"}.get(
        fault, "a.png"
    )
    if fault == "truncated":
        noise = Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8))
        noise.save(path)
        path.write_bytes(path.read_bytes()[:2000])
    elif fault == "nan":
        Image.fromarray(np.array([[0.5, np.nan]], np.float32)).save(path)
    elif fault == "bomb":
        png(path, np.zeros((1, 1)), 8, 0)
        data = bytearray(path.read_bytes())
        data[16:24] = struct.pack(">II", 50_000, 50_000)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
        path.write_bytes(data)
    elif fault == "flipped":
        png(path, np.zeros((9, 9)), 8, 0)
        data = bytearray(path.read_bytes())
        data[45] ^= 255
        path.write_bytes(data)
    elif fault == "folder":
        path.mkdir()
    elif fault != "missing":
        path.write_bytes(
            {"empty": b"", "text": b"<html>not found</html>", "header": b"\x89PNG\r\n\x1a\n"}[fault]
        )
    return path


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("truncated", "truncated"),
        ("empty", "an empty file"),
        ("text", "not an image"),
        ("header", "not an image"),
        ("missing", "no such image"),
        ("folder", "is a folder"),
        ("bomb", "--max_pixels"),
        ("flipped", "damaged"),
        ("nan", "NaN"),
    ],
)
def test_one_error_names_the_file_and_the_reason(tmp_path, fault, reason):
    path = spoilt(tmp_path, fault)
    with pytest.raises(ImageError) as caught:
        read_rgb(path)
    assert str(path) in str(caught.value) and reason in str(caught.value)


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "tif", "webp", "gif", "avif"])
def test_random_damage_is_read_or_refused(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    try:
        Image.fromarray(COLOUR).save(path)
    except (OSError, KeyError):
        pytest.skip(f"this Pillow writes no {suffix}")
    whole, rng, refused = path.read_bytes(), np.random.default_rng(1), 0
    for _ in range(80):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 4):
            data[place] = rng.integers(256)
        path.write_bytes(data)
        try:
            read_rgb(path)
        except ImageError:
            refused += 1
    assert refused > 0


def test_find_images_in_order_without_hidden_ones(tmp_path):
    for name in ("b.PNG", "a/z.jpg", "a/.hidden.jpg", "notes.txt", "c.tiff"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    found = [path.relative_to(tmp_path).as_posix() for path in find_images(tmp_path)]
    assert found == ["a/z.jpg", "b.PNG", "c.tiff"]
