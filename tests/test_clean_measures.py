"""What `rankiqa clean` measures. Oracles: imagehash, brute force, and pixels of known properties."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy import ndimage

from rankiqa.clean.measures import measure
from rankiqa.look_alikes import group_hashes, perceptual_hash
from tests.planted_images import scene


def test_the_hash_is_that_of_imagehash() -> None:
    imagehash = pytest.importorskip("imagehash")
    for seed, size in enumerate([(160, 120), (33, 200), (1000, 30), (640, 480)]):
        image = scene(seed, size)
        assert f"{perceptual_hash(image):016x}" == str(imagehash.phash(image))


@pytest.mark.parametrize(("count", "most"), [(0, 6), (1, 6), (300, 6), (300, 8), (300, 0), (200, 20)])
def test_groups_are_those_of_brute_force(count: int, most: int) -> None:
    """Hashes near some centres: each pair is compared, and neighbours get one label until none changes."""
    rng = np.random.default_rng(count + most)
    hashes = rng.integers(0, 2**63, max(1, count // 4), dtype=np.uint64)[
        rng.integers(0, max(1, count // 4), count)
    ] << np.uint64(1)
    for place in range(count):
        for bit in rng.integers(0, 64, rng.integers(0, 8)):
            hashes[place] ^= np.uint64(1) << np.uint64(bit)
    labels = list(range(count))
    near = [
        (a, b)
        for a, b in combinations(range(count), 2)
        if bin(int(hashes[a]) ^ int(hashes[b])).count("1") <= most
    ]
    changed = True
    while changed:
        changed = False
        for a, b in near:
            if labels[a] != labels[b]:
                labels[a] = labels[b] = min(labels[a], labels[b])
                changed = True
    assert group_hashes(hashes, most).tolist() == labels


def test_many_equal_hashes_are_one_group() -> None:
    """A hundred thousand copies, whose pairs nobody could compare one by one."""
    hashes = np.full(100_000, 12345, np.uint64)
    hashes[-1] = ~np.uint64(12345)
    assert group_hashes(hashes).tolist() == [0] * 99_999 + [99_999]


@pytest.mark.parametrize("sigma", [0.0, 1.0, 2.5])
def test_sharpness_is_that_of_a_loop_over_all_runs(sigma: float) -> None:
    pixels = ndimage.gaussian_filter(np.asarray(scene(2).convert("L")).astype(np.float64), sigma)
    grey = pixels.round().astype(np.uint8)
    found = []
    for lines in (grey.astype(int), grey.T.astype(int)):
        shares = []
        for line in lines.tolist():
            for start in range(0, len(line) - 16, 16):
                run = line[start : start + 16]
                contrast = max(run) - min(run)
                steps = [abs(line[place + 1] - line[place]) for place in range(start, start + 16)]
                if contrast >= 24:
                    shares.append(max(steps) / contrast)
        found.append(np.percentile(shares, 95))
    image = Image.fromarray(np.repeat(grey[..., None], 3, axis=2))
    assert measure(image).sharpness == pytest.approx(min(found))


def test_blur_lowers_the_sharpness() -> None:
    image = scene(2, (320, 240))
    blurred = [image.filter(ImageFilter.GaussianBlur(sigma)) for sigma in (0.5, 1, 2, 4)]
    found = [measure(one).sharpness for one in (image, *blurred)]
    assert found == sorted(found, reverse=True) and len(set(found)) == 5


@pytest.mark.parametrize("sigma", [0.0, 4.0, 12.0])
def test_noise_is_its_deviation(sigma: float) -> None:
    """White noise of one value for all channels on a smooth ramp: its luminance is the noise itself."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(60, 200, 256)[None, :, None] + np.zeros((256, 1, 3))
    noisy = ramp + rng.normal(0, sigma, (256, 256, 1))
    found = measure(Image.fromarray(np.clip(noisy.round(), 0, 255).astype(np.uint8)))
    assert found.noise == pytest.approx(sigma, rel=0.25, abs=0.5)  # of the calmest blocks, so a little less
    assert found.colour_noise < 0.5


def test_light_and_colour_are_what_numpy_says() -> None:
    image = scene(3, (200, 150))
    pixels = np.asarray(image).copy()
    pixels[:30] = 255
    found = measure(Image.fromarray(pixels))
    grey = np.asarray(Image.fromarray(pixels).convert("L"))
    assert found.highlights == pytest.approx(np.percentile(grey, 99), abs=1)
    assert found.clipped == pytest.approx((pixels.max(2) >= 254).mean())
    assert measure(image.convert("L").convert("RGB")).colour == 0 < found.colour


def test_equal_pixels_have_equal_digests() -> None:
    image = scene(4)
    assert measure(image).pixels == measure(image.copy()).pixels
    changed = image.copy()
    changed.putpixel((5, 5), (1, 2, 3))
    assert measure(changed).pixels != measure(image).pixels
    assert measure(image.resize((120, 160))).pixels != measure(image).pixels


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (17, 16), (9000, 2)])
def test_any_size_can_be_measured(size: tuple[int, int]) -> None:
    for value in (0, 128, 255):
        found = measure(Image.new("RGB", size, (value, value, value)))
        assert (found.sharpness, found.noise, found.content, found.highlights) == (None, 0, 0, value)


def test_a_large_image_is_measured_reduced() -> None:
    """Each pixel of it twice as wide: the same measures, but for the digest."""
    noise = np.random.default_rng(0).normal(0, 10, (550, 700, 3))
    noisy = np.clip(np.asarray(scene(5, (700, 550))) + noise, 0, 255).astype(np.uint8)
    small = Image.fromarray(noisy)
    large = small.resize((1400, 1100), Image.Resampling.NEAREST)
    one, other = measure(small), measure(large)
    assert one.pixels != other.pixels and one.noise > 3
    assert replace(one, pixels=0) == replace(other, pixels=0)
