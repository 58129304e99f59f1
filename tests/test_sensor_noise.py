"""Noise of cameras. Oracles: its published model, Poisson's moments, interpolation and filters in loops."""

import math

import numpy as np
import pytest

from distortions import distort, find_distortion
from distortions.camera_noise import smeared
from distortions.sensor import COMPACT, PHONE, RGB_TO_XYZ, Camera, demosaic, read_of, sensor_noise_in

PLAIN = Camera(tuple(map(tuple, np.linalg.inv(RGB_TO_XYZ))), (1.0, 1.0, 1.0))  # its colours are those of sRGB
SITES = ((0, 0, 0), (1, 0, 1), (1, 1, 0), (2, 1, 1))  # channel, first row and first column of RGGB


def linear(values: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1, written out."""
    v = np.asarray(values) / 255
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def flat(value: float, side: int = 400) -> np.ndarray:
    return np.full((side, side, 3), value, np.float32)


def noise_of(value: float, shot: float, camera: Camera, seed: int = 0) -> np.ndarray:
    return sensor_noise_in(flat(value), shot, np.random.default_rng(seed), camera).astype(float)


@pytest.mark.parametrize(("shot", "read"), [(0.0001, 6.3262e-9), (0.001, 9.5753e-7), (0.012, 2.15697e-4)])
def test_read_noise_follows_the_line_of_the_publication(shot: float, read: float):
    # Brooks et al. 2019: log(read) = 2.18 log(shot) + 1.20, natural logarithms, shots of 0.0001 to 0.012
    assert read_of(shot) == pytest.approx(read, rel=1e-3)


def test_the_ladder_stays_within_the_published_range():
    ladder = find_distortion("sensor_noise").ladder
    assert ladder[0] >= 0.0001 and ladder[-1] <= 0.012


@pytest.mark.parametrize("shot", [0.001, 0.01])
def test_the_variance_of_raw_values_is_linear_in_the_light(shot: float):
    lights = np.array([0.05, 0.1, 0.2, 0.4, 0.6, 0.8])
    variances = []
    for light in lights:
        noise = noise_of(light, shot, PLAIN)
        # where a pixel has the filter of the channel, demosaicing changes nothing
        variances.append(np.mean([noise[row::2, column::2, c].var() for c, row, column in SITES]))
        assert noise.mean() == pytest.approx(0, abs=3 * math.sqrt(variances[-1]) / 200)
    slope, intercept = np.polyfit(lights, variances, 1)
    assert slope == pytest.approx(shot, rel=0.02)
    assert np.abs(slope * lights + intercept - variances).max() < 0.03 * max(variances)
    assert np.allclose(variances, shot * lights + math.exp(2.18 * math.log(shot) + 1.2), rtol=0.03)


def test_few_photons_are_skewed_as_poisson_is():
    noise = noise_of(0.05, 0.01, PLAIN)[0::2, 0::2, 0]  # five photons a pixel
    # the third central moment of shot * Poisson(light / shot); the read noise adds none
    assert np.mean(noise**3) == pytest.approx(0.01**2 * 0.05, rel=0.1)


def test_white_balance_amplifies_the_noise_of_red_and_blue():
    camera = Camera(PLAIN.xyz_to_camera, (2.0, 1.0, 1.5))
    noise, light, shot = noise_of(0.4, 0.002, camera), 0.4, 0.002
    for channel, row, column in SITES:
        gain = camera.gains[channel]
        expected = gain**2 * (shot * light / gain + math.exp(2.18 * math.log(shot) + 1.2))
        assert noise[row::2, column::2, channel].var() == pytest.approx(expected, rel=0.04)


@pytest.mark.parametrize("camera", [COMPACT, PHONE])
def test_colours_of_a_camera_keep_grey_and_come_back(camera: Camera):
    assert np.allclose(camera.from_rgb() @ np.ones(3), 1)
    assert np.linalg.cond(camera.from_rgb()) < 10
    assert 1.9 <= camera.gains[0] <= 2.4 and 1.5 <= camera.gains[2] <= 1.9


def test_demosaicing_is_bilinear():
    mosaic = np.random.default_rng(3).random((10, 12)).astype(np.float32)
    owner = np.array([[0, 1], [1, 2]])
    found = demosaic(mosaic)
    for row in range(1, 9):
        for column in range(1, 11):
            for channel in range(3):
                if owner[row % 2, column % 2] == channel:
                    expected = mosaic[row, column]
                else:
                    around = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)
                              if owner[(row + i) % 2, (column + j) % 2] == channel]  # fmt: skip
                    nearest = min(abs(i) + abs(j) for i, j in around)
                    near = [(i, j) for i, j in around if abs(i) + abs(j) == nearest]
                    expected = np.mean([mosaic[row + i, column + j] for i, j in near])
                assert found[row, column, channel] == pytest.approx(expected, rel=1e-5)
    assert np.allclose(demosaic(np.full((7, 9), 0.3, np.float32)), 0.3)


@pytest.mark.parametrize(
    ("channel", "density", "corner"), [(0, 1 / 4, 0.25), (1, 1 / 2, 0.0), (2, 1 / 4, 0.25)]
)
def test_the_spectrum_after_demosaicing_is_that_of_the_interpolation(channel, density, corner):
    side = 256
    light, shot = 0.3, 0.003
    power = np.mean([np.abs(np.fft.fft2(noise_of(light, shot, PLAIN, seed)[:side, :side, channel])) ** 2
                     for seed in range(8)], axis=0)  # fmt: skip
    across = 0.25 if corner == 0 else 0.5
    kernel = np.zeros((side, side))
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            kernel[i, j] = (1, across, corner)[abs(i) + abs(j)]
    variance = shot * light + math.exp(2.18 * math.log(shot) + 1.2)
    expected = np.abs(np.fft.fft2(kernel)) ** 2 * density * variance * side**2
    bands = (np.hypot(*np.meshgrid(*[np.fft.fftfreq(side)] * 2)) * 16).astype(int)
    found, wanted = (
        np.bincount(bands.ravel(), p.ravel()) / np.bincount(bands.ravel()) for p in (power, expected)
    )
    # a window that is not periodic leaks a little of the low frequencies into the high ones
    assert np.allclose(found[:8], wanted[:8], rtol=0.03, atol=0.002 * wanted[0])
    assert (np.diff(found[:8]) < 0).all() and found[7] < 0.35 * found[0]


def test_levels_run_from_just_visible_to_very_strong_on_mid_grey():
    image = np.full((256, 256, 3), 128, np.uint8)
    image[0, 0, 0] = 129  # not a grey photograph
    spread = [distort(image, "sensor_noise", level, seed=1).std(axis=(0, 1)).mean() for level in range(1, 6)]
    assert 1.5 < spread[0] < 3.5 and 18 < spread[4] < 28
    assert all(1.4 < b / a < 2.2 for a, b in zip(spread, spread[1:], strict=False))


def test_variance_is_linear_through_the_public_door_too():
    means, variances = [], []
    for value in (60, 100, 140, 180):
        image = np.full((300, 300, 3), value, np.uint8)
        image[0, 0, 0] += 1
        light = linear(distort(image, "sensor_noise", 2, seed=value)[..., 1])
        means.append(light.mean())
        variances.append(light.var())
    assert np.allclose(means, linear(np.array([60, 100, 140, 180])), rtol=0.01)
    slope, intercept = np.polyfit(means, variances, 1)
    assert np.allclose(np.polyval((slope, intercept), means), variances, rtol=0.03)
    assert slope > 0 and abs(intercept) < 0.05 * variances[-1]


@pytest.mark.parametrize("distortion", ["sensor_noise", "phone_noise"])
def test_a_full_sensor_has_no_noise(distortion: str):
    white = np.full((64, 64, 3), 255, np.uint8)
    assert (distort(white, distortion, 5) == 255).all()


def test_telephones_leave_grey_grain():
    image = np.full((256, 256, 3), 128, np.uint8)
    image[0, 0, 0] = 129
    shares = []
    for distortion in ("sensor_noise", "phone_noise"):
        noise = distort(image, distortion, 3).astype(float) - 128
        luma = noise @ [0.299, 0.587, 0.114]
        shares.append((noise - luma[..., None]).var() / luma.var())
    assert shares[1] < 0.5 * shares[0]


def test_what_smears_is_a_guided_filter():
    image = np.random.default_rng(2).integers(0, 256, (14, 15, 3), dtype=np.uint8)
    grey = np.repeat(image[..., :1], 3, axis=2)  # then the guide is the image itself
    values, radius, epsilon = grey[..., 0].astype(float), 2, 30.0**2
    padded = np.pad(values, 2 * radius, mode="symmetric")
    slopes, offsets = np.zeros((18, 19)), np.zeros((18, 19))
    for row in range(18):
        for column in range(19):
            window = padded[row : row + 5, column : column + 5]
            slopes[row, column] = window.var() / (window.var() + epsilon)
            offsets[row, column] = window.mean() * (1 - slopes[row, column])
    for row in range(radius, 12 - radius):
        for column in range(radius, 13 - radius):
            near = np.s_[row : row + 5, column : column + 5]
            expected = slopes[near].mean() * values[row, column] + offsets[near].mean()
            assert smeared(grey, 30.0, radius)[row, column, 0] == pytest.approx(expected, abs=0.51)


def test_noise_reduction_takes_texture_and_leaves_edges():
    rng = np.random.default_rng(1)
    texture = rng.normal(0, 6, (128, 128, 1))
    image = np.clip(np.where(np.arange(128) < 64, 70, 190)[None, :, None] + texture, 0, 255).astype(np.uint8)
    image = np.repeat(image, 3, axis=2)
    clean = distort(image, "noise_reduction", 4)[..., 0].astype(float)
    assert clean[:, :48].std() < 0.4 * image[:, :48, 0].std()
    assert clean[:, 68].mean() - clean[:, 59].mean() > 90
