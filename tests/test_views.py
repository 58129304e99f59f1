"""Oracles: crops cut by numpy, Pillow's resize of that crop, a mirror written as an index formula."""

import numpy as np
import pytest
from PIL import Image

from rankiqa.views import View, fit, patch_grid


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def texture(height: int, width: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(noise(height, width, seed))


def planes(pixels: np.ndarray) -> np.ndarray:
    return pixels.transpose(2, 0, 1)


def train(view: View, image: Image.Image, rng: np.random.Generator | None) -> np.ndarray:
    return view.vary(view.prepare(image), rng)


@pytest.mark.parametrize(
    ("shape", "size", "whole", "cut"),
    [
        ((60, 100), (30, 30), (30, 50), np.s_[:, 10:40]),  # wide: the sides go
        ((100, 60), (30, 30), (50, 30), np.s_[10:40, :]),  # high: top and bottom go
        ((90, 120), (45, 60), (45, 60), np.s_[:, :]),  # the same aspect ratio: nothing goes
        ((80, 80), (20, 40), (40, 40), np.s_[10:30, :]),  # size is (H, W)
        ((80, 80), (40, 20), (40, 40), np.s_[:, 10:30]),
        ((10, 14), (40, 40), (40, 56), np.s_[:, 8:48]),  # enlarged
    ],
)
def test_fit_is_the_middle_of_the_resized_image(shape, size, whole, cut):
    image = Image.fromarray(
        noise(*shape) // 2 + 64
    )  # no clipping between Pillow's two passes, in either order
    resized = np.asarray(image.resize(whole[::-1], Image.Resampling.BICUBIC))
    found = fit(image, size)
    assert found.shape == (3, *size) and found.dtype == np.uint8
    assert np.abs(found.astype(int) - planes(resized[cut])).max() <= 1


def test_fit_of_the_wanted_size_is_the_image():
    assert np.array_equal(fit(texture(17, 23), (17, 23)), planes(noise(17, 23)))


def test_fit_is_antialiased():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    found = fit(Image.fromarray(stripes), (8, 8)).astype(float)
    assert np.abs(found - 127.5).max() < 8  # without a filter as wide as the step: 0 or 255


@pytest.mark.parametrize("size", [(224, 224), (7, 3), (299, 213)])
def test_fit_takes_every_size(size):
    edges = [1, 2, 3, 5, 29, 47, 58, 61, 113, 149, 226, 331]  # 29 * (224 / 29) rounds to above 224
    for height, width in [(edge, edge) for edge in edges] + [(1, 300), (300, 1), (29, 200)]:
        assert np.unique(fit(Image.new("RGB", (width, height), (9, 8, 7)), size)).tolist() == [7, 8, 9]


@pytest.mark.parametrize(
    ("count", "grid"),
    [
        (1, {(0.5, 0.5)}),
        (2, {(0.0, 0.5), (1.0, 0.5)}),
        (4, {(0, 0), (0, 1), (1, 0), (1, 1)}),
        (5, {(0, 0), (0, 1), (0.5, 0.5), (1, 0), (1, 1)}),
        (9, {(down, right) for down in (0, 0.5, 1) for right in (0, 0.5, 1)}),
    ],
)
def test_patch_grid_by_hand(count, grid):
    assert set(patch_grid(count)) == grid and len(patch_grid(count)) == count


@pytest.mark.parametrize("count", range(1, 40))
def test_patch_grid_is_distinct_inside_and_mirror_symmetric_left_to_right(count):
    grid = patch_grid(count)
    assert len(set(grid)) == len(grid) == count
    assert all(0 <= down <= 1 and 0 <= right <= 1 for down, right in grid)
    mirror = sorted((round(down, 9), round(1 - right, 9)) for down, right in grid)
    assert mirror == sorted((round(down, 9), round(right, 9)) for down, right in grid)


def test_evaluation_patches_are_cut_at_native_resolution():
    pixels = noise(50, 81)
    found = View("patches", (20, 31), 5).evaluate(Image.fromarray(pixels))
    corners = [(0, 0), (0, 50), (15, 25), (30, 0), (30, 50)]
    wanted = [planes(pixels[top : top + 20, left : left + 31]) for top, left in corners]
    assert found.shape == (5, 3, 20, 31) and np.array_equal(found, np.stack(wanted))


def mirrored(index: int, length: int) -> int:
    """The image, then its mirror image with the edge pixel repeated, for ever in both directions."""
    index %= 2 * length
    return index if index < length else 2 * length - 1 - index


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 40), (40, 5), (13, 13)])
def test_small_images_are_mirrored_not_enlarged(shape):
    pixels, size = noise(*shape), (13, 17)
    found = View("patches", size, 1).evaluate(Image.fromarray(pixels))[0]
    indices = []
    for have, need in zip(shape, size, strict=True):
        first = -((need - have) // 2) if have < need else round((have - need) / 2)
        indices.append([mirrored(first + i, have) for i in range(need)])
    assert np.array_equal(found, planes(pixels[np.ix_(*indices)]))


@pytest.mark.parametrize("name", ["fit", "patches"])
def test_one_pixel_becomes_a_plane(name):
    view = View(name, (224, 224), 4)
    image = Image.new("RGB", (1, 1), (1, 2, 3))
    for found in (
        *view.evaluate(image),
        train(view, image, np.random.default_rng(0)),
        train(view, image, None),
    ):
        assert found.shape == (3, 224, 224)
        assert [np.unique(channel).tolist() for channel in found] == [[1], [2], [3]]


@pytest.mark.parametrize("name", ["fit", "patches"])
def test_one_generator_state_gives_one_crop_of_two_images(name):
    pixels, view = noise(60, 90), View(name, (20, 30))
    inverse = Image.fromarray(255 - pixels)
    seen = set()
    for seed in range(20):
        first = train(view, Image.fromarray(pixels), np.random.default_rng(seed))
        again = train(view, Image.fromarray(pixels), np.random.default_rng(seed))
        other = train(view, inverse, np.random.default_rng(seed))
        assert np.array_equal(first, again) and np.abs(other.astype(int) + first - 255).max() <= 1
        seen.add(first.tobytes())
    assert len(seen) == 2 if name == "fit" else len(seen) > 15  # fit: as it is, or flipped


def test_training_patches_are_windows_of_the_image_and_reach_its_edges():
    coordinates = np.zeros((24, 34, 3), np.uint8)
    coordinates[..., 0], coordinates[..., 1] = np.arange(24)[:, None], np.arange(34)
    view, corners, flips = View("patches", (20, 30)), set(), set()
    for seed in range(400):
        crop = train(view, Image.fromarray(coordinates), np.random.default_rng(seed))
        top, left = int(crop[0].min()), int(crop[1].min())
        flip = bool(crop[1, 0, 0] > crop[1, 0, -1])
        columns = np.arange(left, left + 30)[:: -1 if flip else 1]
        np.testing.assert_array_equal(crop[0], np.arange(top, top + 20)[:, None] + np.zeros((20, 30)))
        np.testing.assert_array_equal(crop[1], columns + np.zeros((20, 30)))
        corners.add((top, left))
        flips.add(flip)
    assert corners == {(top, left) for top in range(5) for left in range(5)} and flips == {False, True}


@pytest.mark.parametrize("name", ["fit", "patches"])
def test_without_augmentation_and_in_evaluation_nothing_is_random(name):
    view, image = View(name, (20, 30), 1), texture(61, 92)
    central = train(view, image, None)
    for seed in (0, 1):
        np.random.seed(seed)  # noqa: NPY002  # the global state is what must not matter
        assert np.array_equal(train(view, image, None), central)
        assert np.array_equal(view.evaluate(image)[0], central)
    if name == "patches":
        assert np.array_equal(central, planes(noise(61, 92)[20:40, 31:61]))
