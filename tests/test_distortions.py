"""Oracles: an analytic Gaussian, the normal distribution, Pillow itself, and PSNR written out by hand."""

import hashlib
import io
import math
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.filters import threshold_multiotsu

from distortions import (
    SETS,
    Distortion,
    distort,
    find_distortion,
    level_of,
    list_distortions,
    seed_of,
    types_of,
)
from distortions.quantization import otsu_quantization
from distortions.registry import register, to_uint8
from utils.errors import ConfigError

TYPES = ("gblur", "jp2k", "jpeg", "wn")
ALL = list_distortions()
SKIMAGE = Path(find_spec("skimage").submodule_search_locations[0]) / "data"


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return 10 * math.log10(255**2 / np.mean((a.astype(float) - b.astype(float)) ** 2))


def photo(name: str) -> np.ndarray:
    return np.asarray(Image.open(SKIMAGE / name).convert("RGB"))


def textured(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_the_four_types_of_live_are_there():
    assert set(TYPES) < set(ALL)
    assert [find_distortion(distortion).folder for distortion in TYPES] == ["GBLUR", "JP2K", "JPEG", "WN"]


@pytest.mark.parametrize("level", range(1, 6))
def test_blur_of_an_impulse_is_an_analytic_gaussian(level):
    sigma = find_distortion("gblur").ladder[level - 1]
    image = np.zeros((101, 101, 3), np.uint8)
    image[46:55, 46:55] = 255  # a block, as one pixel would vanish in 8 bits
    at = np.arange(101) - 50.0
    weights = np.exp(-(at**2) / (2 * sigma**2))
    weights /= weights.sum()
    line = sum(np.roll(weights, shift) for shift in range(-4, 5))
    assert np.abs(distort(image, "gblur", level)[..., 1] - 255 * np.outer(line, line)).max() <= 0.75


def test_values_are_rounded_not_truncated():
    assert to_uint8(np.array([-3.0, 0.6, 99.5001, 254.7, 300.0])).tolist() == [0, 1, 100, 255, 255]
    flat = np.full((64, 64, 3), 200, np.uint8)
    assert (distort(flat, "gblur", 5) == 200).all()


@pytest.mark.parametrize("level", range(1, 6))
def test_noise_has_the_variance_of_the_ladder(level):
    grey = np.full((400, 400, 3), 128, np.uint8)
    noisy = distort(grey, "wn", level, seed=level)
    sigma = 255 * math.sqrt(2.0 ** (-10 + 1.5 * (level - 1)))
    # P(|noise| < 64) of a normal variable: not touched by clipping at any level
    inside = np.mean(np.abs(noisy.astype(int) - 128) <= 64)
    assert inside == pytest.approx(math.erf(64.5 / sigma / math.sqrt(2)), abs=0.003)
    if level <= 4:
        assert noisy.std() == pytest.approx(math.hypot(sigma, 12**-0.5), rel=0.01)
    assert noisy.mean() == pytest.approx(128, abs=0.5)


def test_noise_of_the_channels_is_independent():
    noisy = distort(np.full((200, 200, 3), 128, np.uint8), "wn", 2).reshape(-1, 3)
    assert np.abs(np.corrcoef(noisy.T) - np.eye(3)).max() < 0.02


def test_jpeg_is_pillows():
    image = photo("chelsea.png")
    for level, quality in enumerate((43, 20, 12, 7, 4), start=1):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=quality)
        assert np.array_equal(distort(image, "jpeg", level), np.asarray(Image.open(file)))


def test_jpeg2000_is_pillows_at_the_rate_of_the_ladder():
    image = photo("coffee.png")
    for level, bits in enumerate((0.8, 0.4, 0.2, 0.1, 0.05), start=1):
        file = io.BytesIO()
        ratio = image.size / (bits * 400 * 600 / 8 + 200)
        Image.fromarray(image).save(file, "JPEG2000", irreversible=True, quality_layers=[ratio])
        assert np.array_equal(distort(image, "jp2k", level), np.asarray(Image.open(file)))
        assert file.tell() == pytest.approx(bits * 400 * 600 / 8 + 200, rel=0.1)


@pytest.mark.parametrize("distortion", TYPES)
@pytest.mark.parametrize("name", ["astronaut.png", "camera.png", "chelsea.png", "coffee.png", "gravel.png"])
def test_psnr_falls_from_level_to_level(distortion, name):
    image = photo(name)[:300, :300]
    values = [psnr(image, distort(image, distortion, level)) for level in range(1, 6)]
    assert all(mild > strong + 0.5 for mild, strong in zip(values, values[1:], strict=False)), values
    assert values[0] > 22 and values[4] < 28


@pytest.mark.parametrize("distortion", TYPES)
@pytest.mark.parametrize("size", [(16, 16), (16, 300), (33, 17), (64, 65)])
def test_every_size_from_16_pixels(distortion, size):
    image = textured(*size)
    before = image.copy()
    outputs = [distort(image, distortion, level) for level in range(1, 6)]
    assert all(output.shape == image.shape and output.dtype == np.uint8 for output in outputs)
    assert len({output.tobytes() for output in outputs}) == 5
    assert np.array_equal(image, before)


@pytest.mark.parametrize("distortion", TYPES)
def test_the_seed_alone_decides(distortion):
    image = textured(48, 48)
    assert np.array_equal(distort(image, distortion, 2, seed=9), distort(image, distortion, 2, seed=9))
    same = np.array_equal(distort(image, distortion, 2, seed=9), distort(image, distortion, 2, seed=10))
    assert same == (distortion != "wn")


def test_seed_of_is_fixed_and_tells_its_parts_apart():
    digest = hashlib.sha256(b"lena\x00wn\x003\x000").hexdigest()
    assert seed_of("lena", "wn", 3, 0) == int(digest[:12], 16)
    others = [("lenb", "wn", 3, 0), ("lena", "jpeg", 3, 0), ("lena", "wn", 4, 0), ("lena", "wn", 3, 1)]
    assert len({seed_of(*parts) for parts in [("lena", "wn", 3, 0), *others]}) == 5


def test_other_numbers_of_levels_span_the_same_range():
    assert [level_of(step, 5) for step in range(1, 6)] == [1, 2, 3, 4, 5]
    assert [level_of(step, 3) for step in range(1, 4)] == [1, 3, 5]
    assert level_of(1, 1) == 3
    qualities = [round(find_distortion("jpeg").strength(level_of(step, 10))) for step in range(1, 11)]
    assert len(set(qualities)) == 10
    with pytest.raises(ValueError, match="step 6 is outside 1 to 5"):
        level_of(6, 5)


def test_registering_twice_is_refused():
    with pytest.raises(ValueError, match="'wn'.*already registered"):
        register("wn", "WN2", (1, 2, 3, 4, 5))
    with pytest.raises(ValueError, match="folder WN"):
        register("wn2", "WN", (1, 2, 3, 4, 5))
    with pytest.raises(ValueError, match="needs 5 levels, got 2"):
        register("new", "NEW", (1, 2))
    assert isinstance(find_distortion("WN"), Distortion)


def test_errors_name_the_value():
    image = textured(20, 20)
    with pytest.raises(ConfigError, match="unknown distortion 'jpg'; did you mean 'jpeg'"):
        distort(image, "jpg", 1)
    with pytest.raises(ConfigError, match="level 6 is outside 1 to 5"):
        distort(image, "jpeg", 6)
    with pytest.raises(ValueError, match="float64"):
        distort(image / 255, "jpeg", 1)
    with pytest.raises(ValueError, match=r"16 x 16 pixels or more, got \(20, 15\)"):
        distort(image[:, :15], "wn", 1)


def test_sets_have_the_size_of_their_publications():
    sizes = {name: len(set(types)) for name, types in SETS.items()}
    assert sizes == {"live": 5, "tid2013": 24, "waterloo": 4, "mlive": 2, "kadid": 25, "camera": 27}
    named = {distortion for types in SETS.values() for distortion in types}
    assert set(types_of("all")) == set(types_of(",".join(SETS))) <= named
    assert named - set(types_of("all")) <= {"heic", "jpeg_xl"}  # these need a package


def test_sets_and_types_mix_and_stand_once():
    assert types_of("mlive, WN,blur_noise") == ["blur_jpeg", "blur_noise", "wn"]
    with pytest.raises(ConfigError, match="tid2014"):
        types_of("tid2014")


@pytest.mark.parametrize("size", [(16, 16), (17, 40)])
@pytest.mark.parametrize("distortion", ALL)
def test_every_type_takes_small_images(distortion, size):
    image = textured(*size)
    before = image.copy()
    for level in (1, 2.5, 5):
        worse = distort(image, distortion, level, seed=3)
        assert worse.shape == image.shape
        assert worse.dtype == np.uint8
        assert np.array_equal(worse, distort(image, distortion, level, seed=3))
    assert np.array_equal(image, before)


@pytest.mark.parametrize("distortion", ALL)
def test_every_type_gets_stronger_from_level_to_level(distortion):
    image = photo("chelsea.png")
    ladder = [psnr(image, distort(image, distortion, level, seed=level)) for level in range(1, 6)]
    assert all(np.diff(ladder) < 0), ladder


@pytest.mark.parametrize(
    "distortion", ["gauss", "chroma_noise", "correlated_noise", "masked_noise", "high_noise"]
)
def test_noises_of_tid2013_meet_its_psnr(distortion):
    image = (photo("chelsea.png") * 0.5 + 64).astype(np.uint8)  # so that hardly anything clips
    for level, decibels in enumerate((33, 30, 27, 24, 21), start=1):
        assert psnr(image, distort(image, distortion, level)) == pytest.approx(decibels, abs=0.35)


def test_impulses_are_as_many_as_the_ladder_says():
    image = np.full((400, 400, 3), 128, np.uint8)
    noisy = distort(image, "kadid_impulse", 5)
    assert np.mean(noisy != 128) == pytest.approx(0.03, abs=0.001)
    assert set(np.unique(noisy)) == {0, 128, 255}


def test_palettes_have_their_number_of_colours():
    image = photo("chelsea.png")
    counts = [len(np.unique(distort(image, "dither", level).reshape(-1, 3), axis=0)) for level in (1, 5)]
    assert counts == [64, 4]


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_otsus_classes_are_those_of_scikit_image(classes):
    channel = photo("coffee.png")[..., 1]
    quantized = distort(photo("coffee.png"), "kadid_quantization", 5)
    assert len(np.unique(quantized[..., 1])) == 7
    image = np.repeat(channel[..., None], 3, axis=-1)
    thresholds = threshold_multiotsu(channel, classes=classes)
    expected = np.digitize(channel, thresholds, right=True)
    found = otsu_quantization(image, classes, np.random.default_rng(0))[..., 0]
    for value in range(classes):  # a class is one value, the rounded mean of its pixels
        assert np.unique(found[expected == value]).tolist() == [round(channel[expected == value].mean())]


def test_quantization_leaves_the_psnr_of_its_level_and_keeps_the_plainest_colour():
    image = photo("coffee.png")
    for level, limit in enumerate((33.0, 30.0, 27.0, 24.0, 21.0), start=1):
        worse = distort(image, "quantization", level)
        assert limit - 1 < psnr(image, worse) <= limit
        for channel in range(3):
            value = np.bincount(image[..., channel].ravel()).argmax()
            assert (worse[..., channel][image[..., channel] == value] == value).all()


def test_what_fades_at_one_level_is_faded_the_same_at_the_next():
    image = photo("coffee.png")[:320, :320]
    tiles = [
        distort(image, "fastfading", level).reshape(8, 40, 8, 40, 3).swapaxes(1, 2) for level in range(1, 6)
    ]
    clean = np.stack([(tiles[0] == other).all(axis=(2, 3, 4)) for other in tiles[1:]])
    assert (np.diff(clean.sum(axis=(1, 2))) < 0).all()  # tiles as at level 1 get fewer
    for first, second in zip(tiles[1:], tiles[2:], strict=False):
        changed = (tiles[0] != first).any(axis=(2, 3, 4))
        assert (first[changed] == second[changed]).all()
