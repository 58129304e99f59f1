"""Light, weather and tone. Oracles: the curve of sRGB and Planck's law written out, and known edges."""

import numpy as np
import pytest

from distortions import distort, find_distortion
from distortions.atmosphere import depth_of
from distortions.exposure import colour_of


def linear(values: np.ndarray) -> np.ndarray:
    v = np.asarray(values) / 255
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def encoded(light: np.ndarray) -> np.ndarray:
    x = np.clip(light, 0, 1)
    return 255 * np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)


def ramp() -> np.ndarray:
    """All grey values, every one in a column of its own, and no grey photograph."""
    image = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 32, axis=0).repeat(3, axis=2)
    image[0, 0] = (3, 2, 1)
    return image


@pytest.mark.parametrize("level", range(1, 6))
def test_exposure_is_a_factor_of_the_light(level: int):
    for distortion, sign in (("overexposed", 1), ("underexposed", -1)):
        stops = find_distortion(distortion).strength(level)
        expected = encoded(linear(ramp()) * 2.0 ** (sign * stops))
        assert np.abs(distort(ramp(), distortion, level) - expected).max() < 0.55


def test_little_light_leaves_few_values():
    assert len(np.unique(distort(ramp(), "underexposed", 5))) < 75


def test_a_dark_photograph_is_exposed_well_before_it_is_exposed_too_long():
    dark = (ramp() * 0.2).astype(np.uint8)
    worse = [distort(dark, "overexposed", level) for level in range(1, 6)]
    means = [one.mean() for one in worse]
    assert (np.diff(means) > 0).all() and means[0] > 60
    assert np.mean(worse[0] == 255) < 0.1 and np.mean(worse[4] == 255) > 0.4


def test_what_is_lifted_has_its_brightness_and_noise_in_the_shadows():
    image = np.repeat(np.where(np.arange(128) < 64, 40, 160).astype(np.uint8)[None, :, None], 128, 0).repeat(
        3, 2
    )
    image[0, 0] = (41, 40, 40)
    ratios = []
    for level in range(1, 6):
        light = linear(distort(image, "lifted", level, seed=level))
        dark, bright = light[:, :60], light[:, 68:]
        assert bright.mean() == pytest.approx(linear(160), rel=0.05)
        ratios.append((dark.std() / dark.mean(), bright.std() / bright.mean()))
    assert all(dark > 2 * bright for dark, bright in ratios)
    # photon noise relative to the light grows with the root of the factor that is missing
    stops = np.diff(find_distortion("lifted").ladder)
    growth = np.diff(np.log2([bright for _, bright in ratios]))
    assert (growth > 0.35 * stops).all() and (growth < 0.95 * stops).all()


def test_low_light_is_dark_noisy_and_smeared():
    image = np.full((128, 128, 3), 150, np.uint8)
    image[0, 0, 0] = 151
    levels = [distort(image, "low_light", level, seed=level).astype(float) for level in range(1, 6)]
    stops = np.array(find_distortion("low_light").ladder)
    assert np.allclose([one.mean() for one in levels], encoded(linear(150) * 2.0**-stops), atol=4)
    noise = levels[3] - levels[3].mean()
    assert noise.std() > 1
    assert np.mean(noise[:, 1:] * noise[:, :-1]) > 0.6 * noise.var()  # neighbours share it


def planck(kelvin: float) -> np.ndarray:
    """Linear sRGB of a black body, luminance one: Planck's law under the observer of CIE 1931.

    The observer is the sum of lobes of Wyman, Sloan and Shirley 2013, table 1.
    """
    nm = np.arange(360.0, 831.0)

    def lobe(height: float, middle: float, left: float, right: float) -> np.ndarray:
        return height * np.exp(-(((nm - middle) * np.where(nm < middle, left, right)) ** 2) / 2)

    x = lobe(0.362, 442.0, 0.0624, 0.0374) + lobe(1.056, 599.8, 0.0264, 0.0323)
    x += lobe(-0.065, 501.1, 0.0490, 0.0382)
    y = lobe(0.821, 568.8, 0.0213, 0.0247) + lobe(0.286, 530.9, 0.0613, 0.0322)
    z = lobe(1.217, 437.0, 0.0845, 0.0278) + lobe(0.681, 459.0, 0.0385, 0.0725)
    metres = nm * 1e-9
    power = metres**-5 / np.expm1(0.014387769 / (metres * kelvin))
    xyz = np.array([power @ curve for curve in (x, y, z)])
    to_rgb = np.linalg.inv([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                            [0.0193339, 0.1191920, 0.9503041]])  # fmt: skip
    return to_rgb @ (xyz / xyz[1])


@pytest.mark.parametrize("kelvin", [2800, 3500, 4500, 6500, 10000, 20000])
def test_the_colour_of_light_is_a_black_bodys(kelvin: float):
    assert np.allclose(colour_of(1e6 / kelvin), planck(kelvin), rtol=0.03, atol=0.015)


@pytest.mark.parametrize("level", [1, 3, 5])
def test_white_balance_is_off_by_its_mireds_either_way(level: int):
    shift, seen = find_distortion("white_balance").strength(level), set()
    for value in range(90, 110):
        image = np.full((32, 32, 3), value, np.uint8)
        light = linear(distort(image, "white_balance", level)[0, 0])
        warmer = bool(light[0] > light[2])
        seen.add(warmer)
        gains = planck(1e6 / (154 + (shift if warmer else -shift))) / planck(1e6 / 154)
        assert np.allclose(light / light[1], gains / gains[1], rtol=0.05)
        assert light @ [0.2126, 0.7152, 0.0722] == pytest.approx(linear(value), rel=0.02)
    assert seen == {True, False}


@pytest.mark.parametrize("level", [1, 3, 5])
def test_haze_is_the_equation_of_koschmieder(level: int):
    image = np.random.default_rng(0).integers(0, 200, (96, 128, 3), dtype=np.uint8)
    depth = depth_of(image)
    assert depth.min() == pytest.approx(0.3) and depth.max() == pytest.approx(1)
    assert depth[:24].mean() > depth[-24:].mean() + 0.2
    clear = np.exp(-find_distortion("haze").strength(level) * depth.astype(float))[..., None]
    light = linear(image)
    airlight = np.quantile((light @ [0.2126, 0.7152, 0.0722])[::2, ::2], 0.9)
    assert np.abs(distort(image, "haze", level) - encoded(light * clear + airlight * (1 - clear))).max() < 0.6


def test_there_is_no_bright_haze_at_night():
    night = np.random.default_rng(0).integers(0, 20, (64, 64, 3), dtype=np.uint8)
    assert distort(night, "haze", 5).mean() < 90


@pytest.mark.parametrize("distortion", ["halos", "hdr"])
def test_halos_stand_on_both_sides_of_an_edge_and_nowhere_else(distortion: str):
    image = np.full((240, 320, 3), 90, np.uint8)
    image[:, 160:] = 150
    row = distort(image, distortion, 4)[120, :, 0].astype(int)
    dark, bright = row[20], row[300]
    assert row[100:160].min() < dark - 5 and row[160:220].max() > bright + 5
    assert row[159] <= row[100:160].min() + 1 and row[160] >= row[160:220].max() - 1
    assert np.ptp(row[:40]) <= 1 and np.ptp(row[280:]) <= 1
    if distortion == "halos":
        assert (dark, bright) == (90, 150)
    else:
        assert bright - dark < 0.6 * 60  # large areas come together


def test_halos_keep_colours():
    image = np.random.default_rng(4).integers(60, 190, (64, 64, 3), dtype=np.uint8)
    change = distort(image, "halos", 1).astype(int) - image
    inside = ((image + change > 0) & (image + change < 255)).all(axis=2)
    assert np.ptp(change[inside], axis=1).max() <= 1  # the same for R, G and B
