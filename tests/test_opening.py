"""What opening tells: sizes of images that lie on their side, names of what can't be decoded, damage."""

import csv
import io
import struct
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from test_depth import COLOUR, GREY, close, stored, tiff

from rankiqa.image import decode, read_rgb, read_sized
from utils.errors import ImageError


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "f4"])
def test_a_tiff_on_its_side_has_the_size_of_the_upright_image(tmp_path, dtype, orientation):
    path = tiff(tmp_path / "a.tif", stored(COLOUR, dtype), extratags=[(274, "H", 1, orientation, True)])
    turn = {1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1]}
    turn |= {5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a, -1), 8: np.rot90}
    turn[7] = lambda a: a[::-1, ::-1].swapaxes(0, 1)
    for fit in (None, (8, 8)):
        image, size = read_sized(path, fit)
        assert image.size == size == ((64, 48) if orientation < 5 else (48, 64))
    close(path, turn[orientation](COLOUR))


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(("kind", "value"), [("d", 2.5), ("2I", (1, 0)), ("s", "abc")])
def test_an_orientation_of_no_sense_is_upright(tmp_path, kind, value, big):
    tag = (274, kind, 0 if kind == "s" else 1, value, True)
    path = tiff(tmp_path / "a.tif", stored(COLOUR, "float32"), extratags=[tag], bigtiff=big)
    close(path, COLOUR)


def test_size_of_a_png_whose_exif_follows_its_pixels(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(stored(GREY, "u1")).save(tmp_path / "a.png", exif=exif)
    data = (tmp_path / "a.png").read_bytes()
    at = data.index(b"eXIf") - 4
    length = struct.unpack(">I", data[at : at + 4])[0] + 12
    chunk, rest = data[at : at + length], data[:at] + data[at + length :]
    (tmp_path / "b.png").write_bytes(rest[:-12] + chunk + rest[-12:])
    for name in ("a.png", "b.png"):
        image, size = read_sized(tmp_path / name)
        assert image.size == size == (48, 64)


def test_the_row_of_a_tiff_on_its_side(tmp_path):
    from main import main

    photo = Image.fromarray(np.kron(stored(COLOUR, "u1"), np.ones((4, 4, 1), np.uint8)))
    photo.save(tmp_path / "a.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "b.tif", exif=exif)
    photo.convert("L").save(tmp_path / "grey.png")
    values = np.asarray(photo.convert("L")) / np.float32(255)
    values[5, 7] = 1.02
    tiff(tmp_path / "grey_float.tif", values)
    out = tmp_path / "scores.csv"
    assert main(["--predict", str(tmp_path), "--engine", "torch", "--output", str(out)]) == 0
    with out.open(newline="", encoding="utf-8") as file:
        rows = {Path(row["path"]).name: row for row in csv.DictReader(file)}
    upright, side = rows["a.png"], rows["b.tif"]
    assert side["score"] == upright["score"]
    assert (side["width"], side["height"]) == (upright["width"], upright["height"]) == ("256", "192")
    assert abs(float(rows["grey.png"]["score"]) - float(rows["grey_float.tif"]["score"])) < 0.05


@pytest.mark.parametrize("opener", [io.BytesIO, "spooled"])
def test_uploads_of_deep_tiffs(tmp_path, opener):
    data = tiff(tmp_path / "a.tif", stored(COLOUR, "f4")).read_bytes()
    with tempfile.SpooledTemporaryFile() if opener == "spooled" else io.BytesIO() as file:
        file.write(data)
        file.seek(0)
        image, size = decode(file, "a.tif", None, 10_000, ("JPEG", "TIFF"))
    assert size == (64, 48)
    assert np.abs(np.asarray(image) - np.rint(COLOUR * 255)).max() <= 1


def jpeg(marker: int, precision: int) -> bytes:
    """A JPEG with another frame header."""
    buffer = io.BytesIO()
    Image.fromarray(stored(COLOUR, "u1")).save(buffer, "JPEG")
    data = buffer.getvalue()
    at = data.index(b"\xff\xc0")
    return data[: at + 1] + bytes([marker]) + data[at + 2 : at + 4] + bytes([precision]) + data[at + 5 :]


@pytest.mark.parametrize(
    ("marker", "precision", "words"),
    [
        (0xC1, 12, "a 12-bit JPEG"),
        (0xC2, 12, "a 12-bit JPEG"),
        (0xC3, 16, "a 16-bit lossless JPEG"),
        (0xF7, 8, "a JPEG-LS image of 8 bits"),
    ],
)
def test_jpegs_that_pillow_cannot_decode_are_named(tmp_path, marker, precision, words):
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(marker, precision))
    with pytest.raises(ImageError) as caught:
        read_rgb(path)
    assert str(caught.value).startswith(f"{path}: {words}, which Pillow can't decode; convert")


def test_tiffs_that_nothing_decodes_are_named(tmp_path):
    path = tiff(tmp_path / "a.tif", stored(COLOUR, "u2"), photometric="cielab")
    with pytest.raises(ImageError, match=r"a TIFF of 3 x 16-bit samples \(CIELAB.*convert it to 16-bit RGB"):
        read_rgb(path)


def test_size_is_checked_before_deep_tiffs_are_decoded(tmp_path):
    path = tiff(tmp_path / "a.tif", stored(COLOUR, "f4"))
    with path.open("rb") as file, pytest.raises(ImageError, match="at most 100 are taken"):
        decode(file, "a", max_pixels=100)
    with path.open("rb") as file, pytest.raises(ImageError, match="not an image"):
        decode(file, "a", formats=("PNG", "JPEG"))
    data = bytearray(path.read_bytes())
    for tag in (256, 257):  # ImageWidth, ImageLength
        at = data.index(struct.pack("<HHI", tag, 4, 1)) if struct.pack("<HHI", tag, 4, 1) in data else -1
        at = at if at >= 0 else data.index(struct.pack("<HHI", tag, 3, 1))
        data[at + 2 : at + 12] = struct.pack("<HII", 4, 1, 100_000)
    path.write_bytes(data)
    with pytest.raises(ImageError, match="100000 x 100000 pixels, at most"):
        read_rgb(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_not_finite_are_refused(tmp_path, value):
    values = COLOUR.astype(np.float32)
    values[5, 7, 1] = value
    with pytest.raises(ImageError, match="NaN or infinite"):
        read_rgb(tiff(tmp_path / "a.tif", values))


@pytest.mark.parametrize("compression", [None, "deflate", "lzw by OpenCV"])
def test_damaged_deep_tiffs_are_read_or_refused(tmp_path, capfd, compression):
    path = tmp_path / "a.tif"
    if compression == "lzw by OpenCV":
        cv2.imwrite(str(path), COLOUR.astype(np.float32))
    else:
        tiff(path, stored(COLOUR, "f4"), compression=compression)
    whole, rng, refused = path.read_bytes(), np.random.default_rng(1), 0
    damaged = [whole[:size] for size in (9, 100, 1000, len(whole) - 40, len(whole) // 2)]
    for _ in range(100):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 4):
            data[place] = rng.integers(256)
        for place in rng.integers(0, 300, 2):
            data[place] = rng.integers(256)
        damaged.append(bytes(data))
    for data in damaged:
        path.write_bytes(data)
        try:
            read_rgb(path)
        except ImageError:
            refused += 1
    assert refused > 0
    assert capfd.readouterr().err == ""
