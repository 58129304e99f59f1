"""Recipes: an image named by its photograph and the stages that make it, such as `a.png::size@0.5::jpeg@3`.

A stage is a type of distortion at a level (`sensor_noise@2.5@17`: level, seed), at a strength in the unit of
its ladder (`jpeg@=80`), or an operation that no level belongs to (`OPERATIONS`). Stages come from left to
right, as light, camera, phone and network follow one another ("second-order degradation", Wang et al. 2021,
Real-ESRGAN). The text alone decides about the pixels: nothing is stored.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageOps

from distortions.registry import LEVELS, distort, find_distortion
from distortions.variants import as_source, scaled
from utils.errors import ConfigError

SEPARATOR = "::"
_FIELD = "@"
_STRENGTH = "="


def _to_area(image: Image.Image, pixels: float) -> Image.Image:
    return scaled(image, min(1.0, math.sqrt(pixels / (image.width * image.height))))


def _shifted(image: Image.Image, pixels: float) -> Image.Image:
    return image.crop((int(pixels), int(pixels), image.width, image.height))


def _part(image: Image.Image, number: float) -> Image.Image:
    row, column = divmod(int(number) - 1, 3)
    width, height = image.width // 2, image.height // 2
    left, top = column * (image.width - width) // 2, row * (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


# What changes the content's frame, not its quality: the clean photograph after the same is the reference.
OPERATIONS: dict[str, Callable[[Image.Image, float], Image.Image]] = {
    "area": _to_area,  # reduced to at most so many pixels, never enlarged
    "size": scaled,  # sides times a factor
    "part": _part,  # half the height and the width: 1..9 from the upper left to the lower right
    "turn": lambda image, quarters: image.rotate(90 * int(quarters), expand=True),
    "mirror": lambda image, _value: ImageOps.mirror(image),
    "shift": _shifted,  # so many rows and columns less
    "grey": lambda image, _value: as_source(image, "grey"),
}


@dataclass(frozen=True)
class Stage:
    """One step of a recipe.

    Attributes:
        name: of an operation or of a distortion type.
        value: the number of the operation, or the level 1..5; with `exact` the strength.
        seed: of a distortion that draws.
        exact: whether `value` is a strength in the unit of the ladder.
    """

    name: str
    value: float = 1.0
    seed: int = 0
    exact: bool = False

    def __str__(self) -> str:
        value = f"{_STRENGTH if self.exact else ''}{self.value:g}"
        return _FIELD.join([self.name, value, *([str(self.seed)] if self.seed else [])])

    @property
    def keeps_quality(self) -> bool:
        """Whether it is an operation, not damage."""
        return self.name in OPERATIONS

    def apply(self, image: np.ndarray) -> np.ndarray:
        """uint8 RGB (H, W, 3) -> uint8 RGB, of another size for some operations.

        Raises:
            ConfigError: a level outside 1 to 5.
        """
        if self.keeps_quality:
            return np.asarray(OPERATIONS[self.name](Image.fromarray(image), self.value))
        if self.exact:
            rng = np.random.default_rng(self.seed)
            return find_distortion(self.name).apply(image, self.value, rng)
        return distort(image, self.name, self.value, self.seed)


def is_chain(stages: tuple[Stage, ...]) -> bool:
    """Whether there is more than one stage of damage."""
    return sum(not stage.keeps_quality for stage in stages) > 1


def recipe_text(source: str, stages: tuple[Stage, ...]) -> str:
    """`source` and its stages as one name; the inverse of `split_recipe` and `parse_stages`."""
    return SEPARATOR.join([source, *map(str, stages)])


def split_recipe(name: str) -> tuple[str, str]:
    """(path of the photograph, text of the stages, "" for a plain path)."""
    source, _, stages = name.partition(SEPARATOR)
    return source, stages


@cache
def parse_stages(text: str) -> tuple[Stage, ...]:
    """The stages of a recipe, without its photograph.

    Raises:
        ConfigError: a stage that is none; the message names it.
    """
    return tuple(_stage(part) for part in text.split(SEPARATOR))


def _stage(text: str) -> Stage:
    name, *fields = text.split(_FIELD)
    exact = bool(fields) and fields[0].startswith(_STRENGTH)
    try:
        value = float(fields[0].removeprefix(_STRENGTH)) if fields else 1.0
        seed = int(fields[1]) if len(fields) > 1 else 0
    except ValueError:
        value = math.nan
        seed = 0
    if not math.isfinite(value) or len(fields) > 2 or seed < 0:
        raise ConfigError(f"stage {text!r} of a recipe: write NAME@LEVEL, NAME@LEVEL@SEED or NAME@=STRENGTH")
    if name not in OPERATIONS:
        name = find_distortion(name).key
    return Stage(name, value, seed, exact)


def check_stages(stages: tuple[Stage, ...]) -> None:
    """Raise ConfigError for a level that no type has, or a number that an operation can't take."""
    for stage in stages:
        if stage.keeps_quality:
            highest = {"size": 1, "part": 9, "turn": 3}.get(stage.name, math.inf)
            if not 0 < stage.value <= highest or (stage.name in ("part", "turn") and stage.value % 1):
                right = {"size": "above 0, at most 1", "part": "1 to 9", "turn": "1 to 3"}.get(
                    stage.name, "above 0"
                )
                raise ConfigError(f"{stage.name}: {stage.value:g} must be {right}")
        elif not (stage.exact or 1 <= stage.value <= LEVELS):
            raise ConfigError(f"{stage.name}: level {stage.value:g} is outside 1 to {LEVELS}")


def make_image(image: np.ndarray, stages: tuple[Stage, ...]) -> np.ndarray:
    """`image` after all `stages`: uint8 RGB (H, W, 3) -> uint8 RGB."""
    for stage in stages:
        image = stage.apply(image)
    return image


def clean_image(image: np.ndarray, stages: tuple[Stage, ...]) -> np.ndarray:
    """The reference of `make_image`: `image` after the operations among `stages` alone."""
    return make_image(image, tuple(stage for stage in stages if stage.keeps_quality))
