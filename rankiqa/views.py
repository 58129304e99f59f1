"""Views: how an image becomes the uint8 pixels that the network is fed with."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from rankiqa.decoding.limits import MAX_PIXELS, TRAIN_CROP
from rankiqa.image import Needs, read_sized

STEP = 32  # pixels; sides of "whole" are multiples of it, by which the backbones reduce an image
ELONGATED = 16  # times the short side: of a longer image "whole" takes the middle
CUT = 256  # pixels; a side of that or more is cut to the multiple of STEP below


@dataclass(frozen=True)
class View:
    """One of the three views, with its numbers.

    Attributes:
        name: "fit": centre-crop to the aspect ratio of `size`, then antialiased resize;
            "patches": crops of `size` at native resolution, so that noise and blur stay what they are;
            "whole": the whole image in its own aspect ratio, of the area of `size` at most; see `whole_size`.
        size: (height, width) of a crop; for "whole" their product is the largest area in pixels.
        patches: crops per image in evaluation, for "patches".
        full_decode: never decode at a reduced scale.
        max_pixels: larger images are not decoded.
        train_crop: height and width of a crop to train on, for "whole".
    """

    name: str = "fit"
    size: tuple[int, int] = (224, 224)
    patches: int = 5
    full_decode: bool = False
    max_pixels: int = MAX_PIXELS
    train_crop: int = TRAIN_CROP

    def read(self, path: str | Path) -> Image.Image:
        """The image in `path`, large enough for this view; see `rankiqa.image.read_sized`.

        Raises:
            ImageError: see `rankiqa.image.read_rgb`.
        """
        return read_sized(path, self.needs, self.max_pixels)[0]

    @property
    def needs(self) -> Needs:
        """What `rankiqa.image.read_sized` may leave out: see `Needs`."""
        if self.full_decode or self.name == "patches":
            return None
        return self.size if self.name == "fit" else self._reduced_to

    @property
    def train_size(self) -> tuple[int, int]:
        """(height, width) of what `vary` gives."""
        return (self.train_crop, self.train_crop) if self.name == "whole" else self.size

    @property
    def has_one_size(self) -> bool:
        """Whether all images become crops of one size."""
        return self.name != "whole"

    @property
    def crops(self) -> int:
        """P, the crops of an image in evaluation."""
        return self.patches if self.name == "patches" else 1

    def evaluate(self, image: Image.Image) -> np.ndarray:
        """The fixed crops of an RGB image: uint8 (P, 3, H, W); P = 1 unless the view is "patches"."""
        return self.cut(self.prepare(image))

    def cut(self, prepared: np.ndarray) -> np.ndarray:
        """The rest of `evaluate`, of what `prepare` gave."""
        if self.name != "patches":
            return _planes(prepared)[None]
        return np.stack([_crop(prepared, self.size, place) for place in patch_grid(self.patches)])

    def prepare(self, image: Image.Image) -> np.ndarray:
        """What `vary` and `evaluate` make of an image at first: uint8 (h, w, 3), worth keeping."""
        if self.name == "fit":
            return _resized(image, self.size)
        if self.name == "whole":
            return _whole(image, self._area)
        return _at_least(np.asarray(image), self.size)

    def vary(self, prepared: np.ndarray, rng: "np.random.Generator | None") -> np.ndarray:
        """A crop to train on, uint8 (3, H, W), of what `prepare` gave.

        The generator decides on the flip and, unless the view is "fit", the place of the crop, relative to
        the image: two images of one size and two generators of one seed give the same cut-out. None: the
        central view. (H, W) is `train_size`; what is smaller is mirrored at its edges.
        """
        place = (0.5, 0.5) if rng is None else tuple(rng.random(2))
        flip = rng is not None and rng.random() < 0.5
        crop = _crop(_at_least(prepared, self.train_size), self.train_size, (place[0], place[1]))
        return np.ascontiguousarray(crop[..., ::-1]) if flip else crop

    def none_to_train(self) -> np.ndarray:
        """What `vary` gives, of no image: uint8 (0, 3, H, W)."""
        return np.empty((0, 3, *self.train_size), np.uint8)

    def none_to_evaluate(self) -> np.ndarray:
        """What `evaluate` gives, of no image, where crops have one size: uint8 (0, P, 3, H, W)."""
        return np.empty((0, self.crops, 3, *self.size), np.uint8)

    @property
    def _area(self) -> int:
        return self.size[0] * self.size[1]

    def _reduced_to(self, width: int, height: int) -> tuple[int, int] | None:
        size, scaled = whole_size(width, height, self._area)
        return size if scaled else None


def fit(image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    """Centre-crop to the aspect ratio of `size` = (H, W), then antialiased resize: uint8 (3, H, W)."""
    return _planes(_resized(image, size))


def _resized(image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    height, width = size
    scale = min(image.width / width, image.height / height)
    # min: width * (29 / width) may be a hair more than 29, and Pillow refuses a box that reaches outside.
    crop_width, crop_height = min(width * scale, image.width), min(height * scale, image.height)
    left, top = (image.width - crop_width) / 2, (image.height - crop_height) / 2
    box = (left, top, left + crop_width, top + crop_height)
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC, box=box))


def whole_size(width: int, height: int, area: int) -> tuple[tuple[int, int], bool]:
    """((height, width), whether it takes scaling) of an image of that size in the view "whole".

    Both sides are multiples of STEP. Resampling changes noise and sharpness, so an image that fits into
    `area` pixels, or does so without its outermost rows and columns, is cut and not scaled: sides of CUT
    pixels or more to the multiple below, shorter ones to the nearest, which mirrors up to STEP / 2 pixels.
    Any other is reduced to `area` and each side rounded to the nearest multiple, so that the area may be
    larger by the rounding. Nothing is enlarged. What is more than ELONGATED times as long as it is wide
    counts as long as that.
    """
    sides = [max(STEP, height), max(STEP, width)]
    sides = [min(side, ELONGATED * other) for side, other in zip(sides, reversed(sides), strict=True)]
    below = [side // STEP * STEP for side in sides]
    fitting = [low if side >= CUT else _nearest(side) for side, low in zip(sides, below, strict=True)]
    for tall, wide in (fitting, below):
        if tall * wide <= area:
            return (tall, wide), False
    scale = math.sqrt(area / (sides[0] * sides[1]))
    tall, wide = (min(low, _nearest(scale * side)) for side, low in zip(sides, below, strict=True))
    return (tall, wide), True


def _nearest(side: float) -> int:
    return max(STEP, round(side / STEP) * STEP)


def _whole(image: Image.Image, area: int) -> np.ndarray:
    size, scaled = whole_size(image.width, image.height, area)
    if scaled:
        return _resized(Image.fromarray(_at_least(np.asarray(image), (STEP, STEP))), size)
    pixels = _at_least(np.asarray(image), size)
    top, left = (pixels.shape[0] - size[0]) // 2, (pixels.shape[1] - size[1]) // 2
    return pixels[top : top + size[0], left : left + size[1]]


def patch_grid(count: int) -> list[tuple[float, float]]:
    """`count` places, as (down, right) fractions in [0, 1], as symmetric as the count allows.

    One is the centre, four are the corners, five the corners and the centre, nine a 3 x 3 grid.
    """
    rows = math.ceil(math.sqrt(count))
    base, extra = divmod(count, rows)
    per_row = [base] * rows
    outer_first = sorted(range(rows), key=lambda row: (-abs(2 * row - rows + 1), row))
    if extra % 2 and rows % 2:
        per_row[rows // 2] += 1
        extra -= 1
    for row in outer_first[:extra]:
        per_row[row] += 1
    return [
        (_spread(row, rows), _spread(column, columns))
        for row, columns in enumerate(per_row)
        for column in range(columns)
    ]


def _spread(index: int, count: int) -> float:
    return 0.5 if count == 1 else index / (count - 1)


def _at_least(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(h, w, 3), mirrored at the edges where it is smaller than a crop: enlarging it would blur it."""
    missing_height, missing_width = max(0, size[0] - pixels.shape[0]), max(0, size[1] - pixels.shape[1])
    if not missing_height and not missing_width:
        return pixels
    top, left = missing_height // 2, missing_width // 2
    margins = ((top, missing_height - top), (left, missing_width - left), (0, 0))
    return np.pad(pixels, margins, mode="symmetric")


def _crop(pixels: np.ndarray, size: tuple[int, int], place: tuple[float, float]) -> np.ndarray:
    top = round(place[0] * (pixels.shape[0] - size[0]))
    left = round(place[1] * (pixels.shape[1] - size[1]))
    return _planes(pixels[top : top + size[0], left : left + size[1]])


def _planes(pixels: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))
