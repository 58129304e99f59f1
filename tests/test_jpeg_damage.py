"""Damage that libjpeg conceals. Oracle: files that are damaged here, and such as only look odd."""

import csv
import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from main import main
from rankiqa.image import decode
from tests.conftest import texture
from tests.test_export import write_checkpoint
from utils import check_images
from utils.errors import ImageError

PHOTO = texture(1, 1.0, (300, 400))
END = b"\xff\xd9"
KINDS = {
    "baseline": {},
    "optimised": {"optimize": True},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
    "full colour": {"subsampling": 0},
    "coarse": {"quality": 10, "optimize": True},
}


def jpeg(image: Image.Image = PHOTO, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **{"quality": 75, **options})  # type: ignore[arg-type]
    return file.getvalue()


def opened(data: bytes, fit: tuple[int, int] | None = None) -> np.ndarray:
    return np.asarray(decode(io.BytesIO(data), "a.jpg", fit)[0])


def libjpeg(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def refused(data: bytes) -> str:
    with pytest.raises(ImageError, match="damaged image") as caught:
        opened(data)
    with pytest.raises(ImageError, match="damaged image"):
        opened(data, (30, 40))
    return str(caught.value)


@pytest.mark.parametrize("grey", [False, True], ids=["colour", "grey"])
@pytest.mark.parametrize("kind", KINDS)
def test_half_a_file_is_no_image(kind: str, grey: bool) -> None:
    whole = jpeg(PHOTO.convert("L") if grey else PHOTO, **KINDS[kind])
    half = len(whole) // 2 if kind != "progressive" else len(whole) // 3
    noise = np.random.default_rng(0).bytes(len(whole))
    page = b"<p>an error page</p>" * (len(whole) // 40)
    assert (opened(whole) == libjpeg(whole)).all()
    for rest in (bytes(len(whole) - half), bytes(len(whole) - half - 2) + END, noise[half:], END,
                 b"\xff" * (len(whole) - half), page + END):  # fmt: skip
        refused(whole[:half] + rest)


@pytest.mark.parametrize("kind", ["baseline", "optimised", "full colour"])
def test_the_middle_is_overwritten_or_lost(kind: str) -> None:
    whole = jpeg(**KINDS[kind])
    start = whole.index(b"\xff\xda") + (len(whole) - whole.index(b"\xff\xda")) // 3
    noise = np.random.default_rng(1).bytes(2048)
    refused(whole[:start] + bytes(512) + whole[start + 512 :])
    refused(whole[:start] + noise + whole[start + 2048 :])
    refused(whole[:start] + whole[start + 2048 :])
    refused(whole[:start] + whole[start - 4096 : start] + whole[start:])


def test_the_reason_is_told() -> None:
    whole = jpeg()
    half = len(whole) // 2
    assert f"zero bytes stand in its compressed data from {half}" in refused(whole[:half] + bytes(half))
    assert "truncated" in refused(whole[:half] + END)
    with_restarts = jpeg(restart_marker_rows=1)
    place = with_restarts.index(b"\xff\xd3")
    assert "restart markers" in refused(with_restarts[:place] + with_restarts[place + 2 :])


def test_scans_that_are_missing() -> None:
    whole = jpeg(progressive=True)
    scans = [place for place in range(len(whole)) if whole[place : place + 2] == b"\xff\xda"]
    assert len(scans) > 5
    for place in scans[1:]:
        assert "scans are missing" in refused(whole[:place] + END)


@pytest.mark.parametrize("kind", ["baseline", "progressive"])
def test_what_follows_or_pads_an_image_does_no_harm(kind: str) -> None:
    whole, expected = jpeg(**KINDS[kind]), libjpeg(jpeg(**KINDS[kind]))
    video = b"\0\0\0\x18ftypmp42" + np.random.default_rng(2).bytes(30_000)
    for data in (whole + bytes(5000), whole + b"text" * 999, whole + video, whole + whole,
                 whole[:-2] + bytes(600) + END, whole[:-2] + b"\xff" * 600 + END,
                 whole[:-2] + b"a few bytes" + END, whole[:2] + b"\xff\xff" + whole[2:]):  # fmt: skip
        assert (opened(data) == expected).all()


def test_only_the_last_marker_is_missing() -> None:
    whole = jpeg()
    for data in (whole[:-2], whole[:-2] + bytes(1000), whole[:-1]):
        assert (opened(data) == libjpeg(whole)).all()


def flat_and_odd() -> dict[str, Image.Image]:
    """Images whose compressed data have long runs: areas of one colour, ramps, patterns."""
    across = np.tile(np.arange(800) * 255 // 799, (400, 1)).astype(np.uint8)
    images = {
        "one pixel": np.full((1, 1), 9, np.uint8),
        "white": np.full((1500, 2000), 255, np.uint8),
        "middle grey": np.full((700, 900), 128, np.uint8),
        "ends in grey": np.where(np.arange(400)[:, None] < 99, across, 128).astype(np.uint8),
        "ramp": across,
        "ramp down": across.T.copy(),
        "stripes": np.tile((np.arange(800) % 2 * 255).astype(np.uint8), (400, 1)),
        "checks": (np.indices((400, 800)).sum(0) // 8 % 2 * 255).astype(np.uint8),
        "steps": (np.arange(800)[None] // 8 % 256 * np.ones((400, 1))).astype(np.uint8),
    }
    return {name: Image.fromarray(pixels) for name, pixels in images.items()}


@pytest.mark.parametrize("name", flat_and_odd())
def test_flat_and_regular_images_are_no_damage(name: str) -> None:
    image = flat_and_odd()[name]
    for mode in ("L", "RGB", "CMYK"):
        for quality in (1, 50, 100):
            for options in KINDS.values():
                data = jpeg(image.convert(mode), **{**options, "quality": quality})
                assert opened(data).shape[:2] == (image.height, image.width)


def test_encoders_of_many_settings_raise_no_alarm() -> None:
    rng = np.random.default_rng(4)
    for number in range(60):
        size = tuple(int(side) for side in rng.integers(1, 200, 2))
        image = texture(number, float(rng.random() * 2), (200, 200)).resize(size)
        options = {"quality": int(rng.integers(1, 101)), "subsampling": int(rng.integers(3)),
                   "progressive": bool(rng.integers(2)), "optimize": bool(rng.integers(2)),
                   "restart_marker_blocks": int(rng.integers(0, 9))}  # fmt: skip
        data = jpeg(image.convert(["RGB", "L", "CMYK"][number % 3]), **options)
        assert opened(data, (8, 8)).size and opened(data).shape[:2] == image.size[::-1], options
        flags = [cv2.IMWRITE_JPEG_RST_INTERVAL, int(rng.integers(0, 9)), cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
                 [0x411111, 0x221111, 0x211111, 0x121111][number % 4]]  # fmt: skip
        data = cv2.imencode(".jpg", np.asarray(image), flags)[1].tobytes()
        assert (opened(data) == libjpeg(data)).all(), flags


@pytest.mark.parametrize("form", ["WEBP", "AVIF", "PNG", "GIF"])
def test_half_of_other_formats(form: str) -> None:
    file = io.BytesIO()
    try:
        PHOTO.save(file, form)
    except (OSError, KeyError):
        pytest.skip(f"this Pillow writes no {form}")
    whole = file.getvalue()
    half = len(whole) // 2
    for data in (whole[:half], whole[:half] + bytes(len(whole) - half)):
        with pytest.raises(ImageError):
            opened(data)
    assert opened(whole + bytes(len(whole))).shape == (300, 400, 3)


def test_zeros_beside_the_pixels_of_avif() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x927C] = bytes(40_000)  # the maker's note, as cameras pad it
    file, plain = io.BytesIO(), io.BytesIO()
    try:
        PHOTO.save(file, "AVIF", quality=40, exif=exif.tobytes())
        PHOTO.save(plain, "AVIF", quality=40)
    except (OSError, KeyError):
        pytest.skip("this Pillow writes no AVIF")
    whole, expected = file.getvalue(), libjpeg(plain.getvalue())
    assert (opened(whole) == expected).all()
    free = (20_008).to_bytes(4, "big") + b"free" + bytes(20_000)
    assert (opened(plain.getvalue() + free) == expected).all()
    pixels = plain.getvalue()
    middle = len(pixels) // 2
    damaged = pixels[:middle] + bytes(1100) + pixels[middle + 1100 :]
    with pytest.raises(ImageError, match="zero bytes"):
        opened(damaged)


def test_predict_and_check_images_tell_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_checkpoint(tmp_path / "a.pth")
    whole = jpeg()
    half = len(whole) // 2
    Path("good.jpg").write_bytes(whole)
    Path("zeros.jpg").write_bytes(whole[:half] + bytes(len(whole) - half))
    Path("cut.jpg").write_bytes(whole[:half] + END)
    assert (
        main(["--predict", "good.jpg", "zeros.jpg", "cut.jpg", "--resume", "a.pth", "--output", "s.csv"]) == 1
    )
    with Path("s.csv").open(encoding="utf-8") as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}
    assert rows["good.jpg"]["score"] and not rows["good.jpg"]["error"]
    assert not rows["zeros.jpg"]["score"] and "zero bytes" in rows["zeros.jpg"]["error"]
    assert not rows["cut.jpg"]["score"] and "truncated" in rows["cut.jpg"]["error"]
    assert check_images.main([".", "-j", "1", "--csv", "t.csv"]) == 1
    with Path("t.csv").open(encoding="utf-8") as file:
        faults = {row["path"]: row["fault"] for row in csv.DictReader(file)}
    assert faults == {"zeros.jpg": "broken", "cut.jpg": "truncated"}
