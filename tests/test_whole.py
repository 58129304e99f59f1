"""The view `whole`. Oracles: sizes counted by hand, bounds over many sizes, NumPy's cuts, Pillow's resize."""

import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rankiqa.image import SPARE_WHOLE, read_sized
from rankiqa.views import View, whole_size
from tests.conftest import texture

SIDES = (1, 31, 32, 33, 47, 48, 100, 224, 255, 256, 287, 500, 512, 543, 640, 1080, 3000, 9001)
AREAS = (32 * 32, 224 * 224, 384 * 512, 512 * 512)


def prepared(image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    return View("whole", size).prepare(image)


def noise(height: int, width: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("width", "height", "size", "scaled"),
    [
        (512, 512, (512, 512), False),
        (530, 520, (512, 512), False),  # cut: to resample by 3 % would change noise
        (543, 543, (512, 512), False),
        (544, 544, (512, 512), True),
        (500, 400, (384, 480), False),  # 16 and 20 pixels go
        (4000, 3000, (448, 576), True),  # 443 x 591
        (3000, 4000, (576, 448), True),
        (6000, 4000, (416, 640), True),  # 418 x 627
        (1920, 1080, (384, 672), True),  # 384 x 683
        (10000, 1000, (160, 1632), True),  # 162 x 1619
        (100000, 10, (32, 512), False),  # 16 times the short side, which is mirrored to 32
        (100, 60, (64, 96), False),  # the nearest, by mirroring and by cutting
        (20, 20, (32, 32), False),
    ],
)
def test_sizes_counted_by_hand(width: int, height: int, size: tuple[int, int], scaled: bool) -> None:
    assert whole_size(width, height, 512 * 512) == (size, scaled)


@pytest.mark.parametrize("area", AREAS)
def test_bounds_of_every_size(area: int) -> None:
    for width, height in itertools.product(SIDES, SIDES):
        (tall, wide), scaled = whole_size(width, height, area)
        assert tall % 32 == wide % 32 == 0 and min(tall, wide) >= 32
        assert whole_size(height, width, area) == ((wide, tall), scaled)  # an image that lies on its side
        high, long = max(32, height), max(32, width)
        high, long = min(high, 16 * long), min(long, 16 * high)
        if not scaled:
            # as it is, but for what is cut away, or mirrored on the short sides
            assert tall * wide <= area
            for side, given in ((tall, high), (wide, long)):
                assert given - 32 < side <= given if given >= 256 else abs(side - given) <= 31
            continue
        factor = math.sqrt(area / (high * long))
        assert factor < 1
        assert tall <= high and wide <= long  # never enlarged
        for side, given in ((tall, high), (wide, long)):
            assert abs(side - factor * given) <= 16 or side == 32 or side == given // 32 * 32
        assert tall * wide <= max(32, factor * high + 16) * max(32, factor * long + 16)


def test_a_scaled_image_keeps_its_aspect_ratio_and_nearly_all_of_itself() -> None:
    """The centre that is kept has the aspect ratio of the result, and is nearly the whole."""
    for width, height in itertools.product((640, 1000, 1999, 4000), repeat=2):
        (tall, wide), scaled = whole_size(width, height, 512 * 512)
        if scaled:
            kept = min(width / wide, height / tall) ** 2 * tall * wide / (width * height)
            assert kept > 0.9


def test_an_image_that_fits_keeps_its_pixels() -> None:
    pixels = np.asarray(noise(300, 430))
    assert np.array_equal(prepared(Image.fromarray(pixels), (512, 512)), pixels[6:294, 7:423])
    tiny = np.asarray(noise(10, 40))  # 11 rows of a mirror above and below
    rows = [*range(9, -1, -1), *range(10), *range(9, -1, -1)]
    around = [rows[(k - 11) % 20 + 10] for k in range(32)]
    assert np.array_equal(prepared(Image.fromarray(tiny), (512, 512)), tiny[around][:, 4:36])


def test_a_large_image_is_the_antialiased_resize_of_its_centre() -> None:
    image = Image.fromarray(np.asarray(noise(600, 900)) // 2 + 64)
    found = prepared(image, (224, 224))  # 183 x 274: 192 x 288, of the same aspect ratio
    expected = np.asarray(image.resize((288, 192), Image.Resampling.BICUBIC))
    assert found.shape == (192, 288, 3)
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_evaluation_sees_all_and_training_a_crop_at_the_same_resolution() -> None:
    view = View("whole", (224, 224), train_crop=96)
    ready = view.prepare(noise(600, 900))
    assert np.array_equal(view.cut(ready), ready.transpose(2, 0, 1)[None])
    crops = [view.vary(ready, np.random.default_rng(seed)) for seed in range(20)]
    windows = np.lib.stride_tricks.sliding_window_view(ready, (96, 96), axis=(0, 1))
    corners = windows[:, :, :, 0, 0].astype(int)
    places = set()
    for crop in crops:
        assert crop.shape == (3, 96, 96) and crop.dtype == np.uint8
        for way in (crop, crop[..., ::-1]):
            for top, left in np.argwhere((corners == way[:, 0, 0]).all(axis=2)):
                if np.array_equal(windows[top, left], way):
                    places.add((top, left, way is crop))
    assert len(places) == 20  # each is a cut-out, flipped or not, and no two are one
    assert {flipped for *_, flipped in places} == {True, False}
    assert np.array_equal(view.vary(ready, None), ready[48:144, 96:192].transpose(2, 0, 1))


def test_a_pair_is_cut_alike_and_a_small_image_is_mirrored() -> None:
    view = View("whole", (512, 512), train_crop=128)
    place = np.indices((300, 200)).transpose(1, 2, 0).astype(np.uint8)
    marked = Image.fromarray(np.dstack([place, np.zeros((300, 200), np.uint8)]))
    both = [view.vary(view.prepare(marked), np.random.default_rng(5)) for _ in range(2)]
    assert np.array_equal(both[0], both[1])
    small = view.vary(view.prepare(noise(64, 64)), None)
    assert small.shape == (3, 128, 128)
    assert np.array_equal(small[:, 32:96, 32:96], np.asarray(noise(64, 64)).transpose(2, 0, 1))
    assert np.array_equal(small[:, 31], small[:, 32])


def jpegs(folder: Path) -> Iterator[tuple[Path, tuple[int, int]]]:
    sizes = [(1600, 1200), (1201, 1599), (1607, 311), (333, 1777), (2003, 1777), (900, 700), (640, 480)]
    for number, (width, height) in enumerate(sizes):
        path = folder / f"{number}.jpg"
        texture(number, 3.0, (height, width)).save(path, quality=95)
        yield path, (width, height)


@pytest.mark.parametrize("orientation", [1, 6])
def test_reduced_decoding_feeds_only_the_resize(orientation: int, tmp_path: Path) -> None:
    """What is decoded at a reduced scale becomes an image of the same size that nobody can tell apart."""
    view, full = View("whole", (96, 96)), View("whole", (96, 96), full_decode=True)
    reduced = 0
    for path, size in jpegs(tmp_path):
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.open(path).save(path, quality=95, exif=exif)
        upright = size if orientation == 1 else size[::-1]
        image, found = read_sized(path, view.needs)
        assert found == upright
        kept, all_of_it = view.prepare(image), full.prepare(full.read(path))
        assert full.read(path).size == upright
        assert kept.shape == all_of_it.shape
        assert np.abs(kept.astype(int) - all_of_it).mean() < 1.5  # of a deviation of 25 to 31
        if image.size != upright:
            reduced += 1
            assert image.width >= SPARE_WHOLE * kept.shape[1] and image.height >= SPARE_WHOLE * kept.shape[0]
    assert reduced >= 3


def test_no_image_that_is_cut_is_decoded_at_a_reduced_scale(tmp_path: Path) -> None:
    """Cutting keeps pixels as they are: 600 x 32 is cut to 512 x 32."""
    texture(0, 1.0, (32, 600)).save(tmp_path / "a.jpg")
    view = View("whole", (128, 128))
    assert whole_size(600, 32, 128 * 128) == ((32, 512), False)
    assert view.read(tmp_path / "a.jpg").size == (600, 32)


def test_rounding_never_changes_the_size_of_a_reduced_image(tmp_path: Path) -> None:
    """Sides of a reduced JPEG are rounded up: where that would give another size, all of it is decoded."""
    view = View("whole", (64, 64))
    assert callable(view.needs)
    differing = []
    for width, height in itertools.product(range(300, 380), range(201, 700, 7)):
        tall, wide = view.needs(width, height) or (0, 0)
        halved = view.needs(-(-width // 2), -(-height // 2))
        if halved != (tall, wide) and 2 <= min(width / wide, height / tall) / SPARE_WHOLE < 4:
            differing.append((width, height))
    assert differing
    Image.new("RGB", differing[0]).save(tmp_path / "a.jpg")
    assert view.read(tmp_path / "a.jpg").size == differing[0]
    assert View("fit", (32, 32)).read(tmp_path / "a.jpg").size != differing[0]
