"""Lenses and moving cameras. Oracles: areas by chance and formula, moments, convolution written out."""

import math

import numpy as np
import pytest

from distortions import distort, find_distortion
from distortions.focus import aperture_kernel, blurred_share, path_kernel, trajectory
from distortions.linear_light import to_linear, to_srgb


def moments(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (2,) and covariance (2, 2) of the places of a kernel, in pixels from its middle."""
    at = np.stack(np.indices(kernel.shape)).reshape(2, -1) - len(kernel) // 2
    mean = at @ kernel.ravel()
    return mean, (at - mean[:, None]) * kernel.ravel() @ (at - mean[:, None]).T


def lit_point(side: int = 65) -> np.ndarray:
    image = np.zeros((side, side, 3), np.uint8)
    image[side // 2, side // 2] = 255
    return image


def test_the_curve_of_srgb_goes_both_ways():
    values = np.arange(256) / 255
    light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    levels = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
    assert np.allclose(to_linear(levels)[:, 0, 0], light, atol=1e-7)
    assert (to_srgb(to_linear(levels)) == levels).all()
    fine = np.linspace(-0.1, 1.2, 20001).astype(np.float32)
    inside = np.clip(fine.astype(float), 0, 1)
    curve = 255 * np.where(inside <= 0.0031308, 12.92 * inside, 1.055 * inside ** (1 / 2.4) - 0.055)
    assert np.abs(to_srgb(fine[:, None, None])[:, 0, 0] - curve).max() < 0.53


@pytest.mark.parametrize("radius", [0.9, 1.6, 2.3, 4.8, 8.0])
def test_a_disc_covers_what_chance_finds(radius: float):
    kernel = aperture_kernel(radius)
    half = len(kernel) // 2
    rng = np.random.default_rng(0)
    angle, length = rng.uniform(0, 2 * np.pi, 400_000), radius * np.sqrt(rng.random(400_000))
    places = np.rint(length * np.cos(angle)).astype(int), np.rint(length * np.sin(angle)).astype(int)
    hits = np.zeros_like(kernel)
    np.add.at(hits, (places[0] + half, places[1] + half), 1 / 400_000)
    assert kernel.sum() == pytest.approx(1)
    # the standard error of a share, and the supersampling of the border
    assert np.abs(kernel - hits).max() < 5 * math.sqrt(kernel.max() / 400_000) + 0.02 * kernel.max()
    # a disc has the variance r^2 / 4 along each axis, and being split into pixels adds about 1 / 12
    assert np.allclose(moments(kernel)[1], np.eye(2) * (radius**2 / 4 + 1 / 12), rtol=0.03, atol=0.06)


@pytest.mark.parametrize("blades", [5, 6, 7, 9])
def test_a_polygon_has_the_area_of_the_disc(blades: int):
    radius = 8.0
    kernel = aperture_kernel(radius, blades, turn=0.3)
    full = kernel.max()
    assert 1 / full == pytest.approx(np.pi * radius**2, rel=0.01)
    mean, covariance = moments(kernel)
    corner = math.sqrt(2 * np.pi * radius**2 / (blades * math.sin(2 * np.pi / blades)))
    # the second moment of a regular polygon with the distance `corner` to its corners
    expected = corner**2 * (2 + math.cos(2 * np.pi / blades)) / 12
    assert np.allclose(mean, 0, atol=0.02)
    assert np.allclose(covariance, np.eye(2) * (expected + 1 / 12), rtol=0.02, atol=0.2)
    assert len(kernel) // 2 >= corner


def test_the_radius_grows_between_whole_pixels():
    spreads = [np.trace(moments(aperture_kernel(radius))[1]) for radius in np.arange(0.8, 3, 0.1)]
    assert (np.diff(spreads) > 0).all()


@pytest.mark.parametrize("seed", range(6))
def test_trajectories_are_paths_of_a_camera(seed: int):
    path = trajectory(np.random.default_rng(seed))
    steps = np.abs(np.diff(path))
    assert np.allclose(steps, steps[0])  # equal times, equal lengths: the speed is kept
    assert abs(path.mean()) < 1e-9
    widths = [np.ptp((path * np.exp(1j * angle)).real) for angle in np.linspace(0, np.pi, 360)]
    assert max(widths) == pytest.approx(1, abs=0.01)
    assert len({complex(trajectory(np.random.default_rng(one))[0]) for one in range(6)}) == 6


@pytest.mark.parametrize("seed", range(3))
def test_path_kernels_spend_their_time_along_the_path(seed: int):
    path = trajectory(np.random.default_rng(seed))
    for extent in (2.0, 5.5, 14.0):
        kernel = path_kernel(path, extent)
        assert kernel.sum() == pytest.approx(1) and len(kernel) % 2 == 1
        points = np.stack([path.imag, path.real]) * extent
        mean, covariance = moments(kernel)
        assert np.allclose(mean, 0, atol=1e-6)
        # a point between pixels is shared linearly, which adds up to 1/4 along an axis
        assert (np.abs(covariance - np.cov(points, bias=True)) < 0.26).all()


def test_all_levels_share_the_trajectory_and_it_grows():
    image = lit_point()
    kernels = [to_linear(distort(image, "shake", level))[..., 0] for level in range(1, 6)]
    spreads = [np.trace(moments(kernel / kernel.sum())[1]) for kernel in kernels]
    assert (np.diff(spreads) > 0).all()
    main = [np.linalg.eigh(moments(kernel / kernel.sum())[1])[1][:, 1] for kernel in kernels[2:]]
    assert abs(main[0] @ main[2]) > 0.9


def test_straight_motion_is_a_line_of_its_length():
    length = find_distortion("straight_motion").ladder[3]
    light = to_linear(distort(lit_point(), "straight_motion", 4))[..., 0]
    _, covariance = moments(light / light.sum())
    across, along = np.linalg.eigvalsh(covariance)
    assert along == pytest.approx(length**2 / 12, rel=0.1)
    assert across < 0.4


@pytest.mark.parametrize("distortion", ["defocus", "shake", "straight_motion"])
def test_blur_keeps_the_light_and_not_the_values(distortion: str):
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, 32:] = 255
    worse = distort(image, distortion, 5)
    assert to_linear(worse)[16:48].mean() == pytest.approx(0.5, abs=0.01)
    assert worse[16:48].mean() > 130
    # mirrored at the borders: plain areas stay as they are
    assert (distort(np.full((40, 40, 3), 99, np.uint8), distortion, 3) == 99).all()


def test_defocus_is_a_convolution_with_the_aperture():
    image = np.random.default_rng(1).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    image[20:23, 20:23] = 0
    worse = distort(image, "defocus", 3)
    radius = find_distortion("defocus").ladder[2]
    light = to_linear(image).astype(float)
    errors = []
    for blades in (0, 5, 6, 7, 9):
        turns = np.linspace(0, 2 * np.pi / blades, 24) if blades else [0.0]
        for turn in turns:
            kernel = aperture_kernel(radius, blades, turn)
            half = len(kernel) // 2
            expected = np.zeros((20, 20, 3))
            for i in range(len(kernel)):
                for j in range(len(kernel)):
                    shifted = light[14 + half - i : 34 + half - i, 14 + half - j : 34 + half - j]
                    expected += kernel[i, j] * shifted
            errors.append(
                np.abs(to_srgb(expected.astype(np.float32)) - worse[14:34, 14:34].astype(int)).max()
            )
    assert min(errors) <= 2  # its aperture was drawn; one of them it is


def test_a_region_is_out_of_focus_and_the_rest_is_untouched():
    for seed in range(4):
        image = np.random.default_rng(seed).integers(0, 256, (160, 200, 3), dtype=np.uint8)
        share = blurred_share(image)
        worse = distort(image, "region_defocus", 5)
        assert (worse[share == 0] == image[share == 0]).all()
        assert worse[share == 1].std() < 0.3 * image[share == 1].std()
        assert 0.05 < share.mean() < 0.95 and (share == 0).mean() > 0.02
        assert max(np.abs(np.diff(share, axis=axis)).max() for axis in (0, 1)) < 0.15  # no seam
