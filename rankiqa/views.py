"""Views: how an image becomes the uint8 pixels that the network is fed with."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from rankiqa.decoding.limits import MAX_PIXELS
from rankiqa.image import read_sized


@dataclass(frozen=True)
class View:
    """One of the two views, with its numbers.

    Attributes:
        name: "fit": centre-crop to the aspect ratio of `size`, then antialiased resize;
            "patches": crops of `size` at native resolution, so that noise and blur stay what they are.
        size: (height, width) of a crop.
        patches: crops per image in evaluation, for "patches".
        full_decode: never decode at a reduced scale.
        max_pixels: larger images are not decoded.
    """

    name: str = "fit"
    size: tuple[int, int] = (224, 224)
    patches: int = 5
    full_decode: bool = False
    max_pixels: int = MAX_PIXELS

    def read(self, path: str | Path) -> Image.Image:
        """The image in `path`, large enough for this view; see `rankiqa.image.read_sized`.

        Raises:
            ImageError: see `rankiqa.image.read_rgb`.
        """
        return read_sized(path, self.needs, self.max_pixels)[0]

    @property
    def needs(self) -> tuple[int, int] | None:
        """The (height, width) that images are reduced to, or None where every pixel counts."""
        return self.size if self.name == "fit" and not self.full_decode else None

    @property
    def crops(self) -> int:
        """P, the crops of an image in evaluation."""
        return self.patches if self.name == "patches" else 1

    def evaluate(self, image: Image.Image) -> np.ndarray:
        """The fixed crops of an RGB image: uint8 (P, 3, H, W), P = 1 for "fit"."""
        return self.cut(self.prepare(image))

    def cut(self, prepared: np.ndarray) -> np.ndarray:
        """The rest of `evaluate`, of what `prepare` gave."""
        if self.name == "fit":
            return _planes(prepared)[None]
        return np.stack([_crop(prepared, self.size, place) for place in patch_grid(self.patches)])

    def prepare(self, image: Image.Image) -> np.ndarray:
        """What `vary` and `evaluate` make of an image at first: uint8 (h, w, 3), worth keeping."""
        if self.name == "fit":
            return _resized(image, self.size)
        return np.asarray(_at_least(image, self.size))

    def vary(self, prepared: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        """A crop to train on, uint8 (3, H, W), of what `prepare` gave.

        The generator decides on the flip and, for "patches", the place of the crop, relative to the image:
        two images of one size and two generators of one seed give the same cut-out. None: the central view.
        """
        place = (0.5, 0.5) if rng is None else tuple(rng.random(2))
        flip = rng is not None and rng.random() < 0.5
        crop = _crop(prepared, self.size, (place[0], place[1]))
        return np.ascontiguousarray(crop[..., ::-1]) if flip else crop


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


def _at_least(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The image, mirrored at its edges where it is smaller than a crop: enlarging it would blur it."""
    missing_height, missing_width = max(0, size[0] - image.height), max(0, size[1] - image.width)
    if not missing_height and not missing_width:
        return image
    top, left = missing_height // 2, missing_width // 2
    margins = ((top, missing_height - top), (left, missing_width - left), (0, 0))
    return Image.fromarray(np.pad(np.asarray(image), margins, mode="symmetric"))


def _crop(pixels: np.ndarray, size: tuple[int, int], place: tuple[float, float]) -> np.ndarray:
    top = round(place[0] * (pixels.shape[0] - size[0]))
    left = round(place[1] * (pixels.shape[1] - size[1]))
    return _planes(pixels[top : top + size[0], left : left + size[1]])


def _planes(pixels: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))
