"""The set `camera` on soft, dark, grey and small photographs. Oracles: PSNR written out, and grey itself."""

import math

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from distortions import distort, find_distortion, types_of
from tests.conftest import texture

CAMERA = types_of("camera")
SHARP = np.asarray(texture(2, 1.0, (160, 208)))
SOURCES = {
    "soft": np.rint(gaussian_filter(SHARP.astype(float), (2.5, 2.5, 0))).astype(np.uint8),
    "dark": np.rint(255 * (SHARP / 255.0) ** 3 * 0.3).astype(np.uint8),
    "grey": np.repeat(np.asarray(Image.fromarray(SHARP).convert("L"))[..., None], 3, axis=2),
    "small": SHARP[:96, :128],
}


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    error = np.mean((a.astype(float) - b) ** 2)
    return 10 * math.log10(255**2 / error) if error else math.inf


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("distortion", CAMERA)
def test_every_level_is_worse_than_the_one_before(distortion: str, source: str):
    image = SOURCES[source]
    before = image.copy()
    levels = [distort(image, distortion, level, seed=level) for level in range(1, 6)]
    assert all(one.shape == image.shape and one.dtype == np.uint8 for one in levels)
    assert (image == before).all()
    if (distortion, source) == ("chroma_subsampling", "grey"):
        return  # there are no colours to lose
    values = [psnr(image, one) for one in levels]
    assert all(np.diff(values) < 0), values
    assert values[4] < 50  # what is soft already may hide the first levels of a blur, never the last
    if source == "grey" and distortion != "white_balance":
        assert all((one == one[..., :1]).all() for one in levels)


@pytest.mark.parametrize("distortion", CAMERA)
def test_the_same_seed_gives_the_same_bytes_and_choices_are_the_images(distortion: str):
    image = SOURCES["small"]
    worse = distort(image, distortion, 3, seed=4)
    assert (worse == distort(image.copy(), distortion, 3, seed=4)).all()
    random = distortion in ("sensor_noise", "phone_noise", "noise_reduction", "lifted", "low_light")
    assert (worse != distort(image, distortion, 3, seed=5)).any() == random


def test_every_type_says_where_it_is_from():
    for distortion in CAMERA:
        assert len(find_distortion(distortion).apply.__doc__ or "") > 60
