"""Newer codecs and rescaling. Oracles: Pillow, published tables, the encoders where they are there."""

import io
from importlib.metadata import PackageNotFoundError
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.fft import dctn

from distortions import distort, find_distortion, list_distortions, registry, types_of
from distortions.jpeg_encoders import ROBIDOUX, coded, jpegli_tables, mozjpeg_table
from tests.conftest import texture
from utils.errors import ConfigError

SKIMAGE = Path(find_spec("skimage").submodule_search_locations[0]) / "data"
PHOTO = np.asarray(texture(1, 1.0, (192, 240)))


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize("size", [(192, 240), (50, 67)])
@pytest.mark.parametrize("quality", [75, 40, 15])
def test_coding_without_a_dead_zone_is_libjpegs(quality: int, size: tuple[int, int]):
    image = PHOTO[: size[0], : size[1]]
    with io.BytesIO() as file:
        Image.fromarray(image).save(file, "JPEG", quality=quality, subsampling="4:2:0")
        tables = Image.open(file).quantization
        ours = coded(image, np.array([tables[0], tables[1]]).reshape(2, 8, 8), 0.0)
        theirs = decoded(file.getvalue())
    # libjpeg rounds to integers after every step, and at the right edge upsamples its colours differently
    assert psnr(ours, theirs) > 42
    assert abs(psnr(ours, image) - psnr(theirs, image)) < 0.2


def test_the_table_of_mozjpeg():
    assert (mozjpeg_table(50) == np.minimum(ROBIDOUX, 255)).all() and (ROBIDOUX == ROBIDOUX.T).all()
    # written by mozjpeg 4.0.3 at qualities 90 and 20: the first row
    assert mozjpeg_table(90)[0].tolist() == [3, 3, 3, 4, 5, 7, 11, 17]
    assert mozjpeg_table(20)[0].tolist() == [40, 40, 40, 45, 63, 93, 140, 213]


def test_the_tables_of_jpegli():
    # written by jpegli (pyjpegli 0.3.2) at qualities 90, 50 and 20, which are these distances: the first rows
    written = {
        1.0: ([3, 4, 6, 6, 7, 7, 8, 8], [3, 3, 5, 5, 6, 5, 6, 7]),
        4.6: ([12, 10, 20, 21, 33, 34, 37, 38], [12, 8, 17, 16, 26, 24, 29, 31]),
        9.0666667: ([24, 17, 31, 34, 64, 67, 74, 74], [23, 14, 27, 26, 52, 48, 57, 61]),
    }
    for distance, rows in written.items():
        assert np.abs(jpegli_tables(distance)[:, 0] - np.array(rows)).max() <= 1
    assert (jpegli_tables(5.0) == jpegli_tables(5.0).transpose(0, 2, 1)).all()


@pytest.mark.parametrize("quality", [95, 90, 75, 60, 45, 30, 25, 15, 5])
def test_the_tables_are_those_that_jpegli_writes(quality: int):
    encoder = pytest.importorskip("pyjpegli", reason="pip install pyjpegli")
    file = encoder.encode(np.zeros((16, 16, 3), np.uint8), 16, 16, quality=quality)
    tables = Image.open(io.BytesIO(file)).quantization
    # libjpeg's quality as jpegli maps it to a distance
    q = quality
    distance = 0.1 + (100 - q) * 0.09 if q >= 30 else 53 / 3000 * q * q - 23 / 20 * q + 25
    assert np.abs(jpegli_tables(distance).reshape(2, 64) - np.array([tables[0], tables[1]])).max() <= 1


@pytest.mark.parametrize("quality", [75, 40])
def test_the_dead_zone_brings_photographs_nearer_to_jpeglis(quality: int):
    encoder = pytest.importorskip("pyjpegli", reason="pip install pyjpegli")
    photo = np.asarray(Image.open(SKIMAGE / "chelsea.png").convert("RGB"))
    theirs = decoded(encoder.encode(photo, photo.shape[1], photo.shape[0], quality=quality))
    tables = jpegli_tables(0.1 + (100 - quality) * 0.09)
    near, plain = (psnr(coded(photo, tables, dead_zone), theirs) for dead_zone in (0.9, 0.0))
    assert near > plain + 3 and near > psnr(photo, theirs) + 3


@pytest.mark.parametrize(("distortion", "dead_zone"), [("mozjpeg", 0.64), ("jpegli", 0.9)])
def test_small_coefficients_are_left_out(distortion: str, dead_zone: float):
    image = np.repeat(PHOTO[..., 1:2], 3, axis=2)
    strength = find_distortion(distortion).ladder[1]
    table = mozjpeg_table(strength) if distortion == "mozjpeg" else jpegli_tables(strength)[0]
    blocks = [(one[..., 0].astype(float) - 128).reshape(24, 8, 30, 8).swapaxes(1, 2)
              for one in (image, distort(image, distortion, 2))]  # fmt: skip
    before, after = (dctn(block, axes=(2, 3), norm="ortho") / table for block in blocks)
    kept = np.abs(before) >= dead_zone
    kept[..., 0, 0] = True
    # what rounding to 8 bits moves is small beside a step, except where values were clipped
    assert np.mean(np.abs(after[~kept]) < 0.35) > 0.97
    assert np.mean(np.abs(after[kept] - np.rint(before[kept])) < 0.35) > 0.97


@pytest.mark.parametrize(("distortion", "form", "options"), [
    ("webp", "WEBP", {"method": 2}), ("avif", "AVIF", {"speed": 9, "max_threads": 1}),
])  # fmt: skip
def test_codecs_are_pillows(distortion: str, form: str, options: dict):
    for level, quality in enumerate(find_distortion(distortion).ladder, start=1):
        with io.BytesIO() as file:
            Image.fromarray(PHOTO).save(file, form, quality=int(quality), **options)
            assert (distort(PHOTO, distortion, level) == decoded(file.getvalue())).all()


@pytest.mark.parametrize(
    ("distortion", "package"), [("heic", "pillow-heif"), ("jpeg_xl", "pillow-jxl-plugin")]
)
def test_optional_codecs(distortion: str, package: str, monkeypatch: pytest.MonkeyPatch):
    if distortion in list_distortions():
        values = [psnr(PHOTO, distort(PHOTO, distortion, level)) for level in range(1, 6)]
        assert (np.diff(values) < 0).all()

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(registry, "version", missing)
    assert distortion not in types_of("all") and distortion not in types_of("camera")
    assert "avif" in types_of("camera")
    with pytest.raises(
        ConfigError, match=f"'{distortion}' needs the package {package}: pip install {package}"
    ):
        distort(PHOTO, distortion, 1)


def test_an_old_pillow_is_told_apart(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("distortions.codecs.features.check", lambda name: False)
    with pytest.raises(ConfigError, match=r"'avif' needs Pillow 11\.3"):
        distort(PHOTO, "avif", 1)


def test_subsampling_takes_colours_and_leaves_the_luminance():
    worse = distort(PHOTO, "chroma_subsampling", 2).astype(float)
    weights = [0.299, 0.587, 0.114]
    inside = ((worse > 0) & (worse < 255)).all(axis=2)
    assert np.abs(worse @ weights - PHOTO @ weights)[inside].max() < 1.1
    red = (worse - (worse @ weights)[..., None])[..., 0]
    assert np.abs(red[::4] - red[3::4]).max() < 2.1  # cells of four pixels
    grey = np.repeat(PHOTO[..., :1], 3, axis=2)
    assert (distort(grey, "chroma_subsampling", 5) == grey).all()


@pytest.mark.parametrize("level", [2, 4])
def test_zooming_leaves_no_detail_finer_than_the_small_image(level: int):
    noise = np.random.default_rng(0).integers(90, 160, (240, 240, 3), dtype=np.uint8)
    factor = find_distortion("zoom").ladder[level - 1]
    cycles = np.hypot(*np.meshgrid(*[np.fft.fftfreq(240)] * 2))
    power = [np.abs(np.fft.fft2(one[..., 1] - one[..., 1].mean())) ** 2
             for one in (noise, distort(noise, "zoom", level))]  # fmt: skip
    fine, coarse = cycles > 0.8 / factor, cycles < 0.2 / factor
    assert power[1][fine].sum() < 0.1 * power[0][fine].sum()
    assert power[1][coarse].sum() > 0.7 * power[0][coarse].sum()


def test_the_nearest_pixel_invents_no_colour():
    worse = distort(PHOTO, "zoom_nearest", 4)
    colours = {tuple(colour) for colour in PHOTO.reshape(-1, 3).tolist()}
    assert {tuple(colour) for colour in worse.reshape(-1, 3).tolist()} <= colours


def test_a_thumbnail_has_blocks_of_the_small_image():
    factor = find_distortion("zoom_jpeg").ladder[2]
    small = (round(240 / factor), round(192 / factor))
    with io.BytesIO() as file:
        Image.fromarray(PHOTO).resize(small, Image.Resampling.BOX).save(file, "JPEG", quality=58)
        expected = Image.open(file).resize((240, 192), Image.Resampling.BICUBIC)
        # two libraries weigh the neighbours differently, which is little beside the damage
        assert (
            psnr(np.asarray(expected), distort(PHOTO, "zoom_jpeg", 3)) > psnr(PHOTO, np.asarray(expected)) + 3
        )


def test_messages_get_worse_between_two_levels_too():
    values = [psnr(PHOTO, distort(PHOTO, "messenger", level)) for level in np.linspace(1, 5, 9)]
    assert (np.diff(values) < 0).all()


def test_a_screenshot_of_a_plain_colour_is_plain():
    image = np.full((60, 80, 3), (10, 120, 240), np.uint8)
    for distortion in ("screenshot", "zoom", "zoom_nearest"):
        assert (distort(image, distortion, 5) == image).all()
