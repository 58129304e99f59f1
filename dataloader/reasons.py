"""Labels of the second head: which damage each image of a label file shows, by its recipe or its type."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from dataloader.labels import Labels
from dataloader.recipes import is_recipe
from distortions.reasons import Damage, damage_of, damage_of_type, no_damage, size_after, unknown_damage
from distortions.stages import is_chain, parse_stages, split_recipe
from rankiqa.views import View, whole_size
from utils.errors import DataError

CLEAN = "reference"  # the type of an undamaged image in tables


@dataclass(frozen=True)
class ReasonLabels:
    """Damage of the M images of a label file, in K families.

    Attributes:
        presence: float32 (M, K): 1 visible, 0 not, NaN unknown.
        severity: float32 (M, K) in 0..1, NaN unknown.
        chains: bool (M,), images whose row names several stages of damage.
    """

    presence: np.ndarray
    severity: np.ndarray
    chains: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """(M,) whether anything is known of the image."""
        return np.isfinite(self.presence).any(axis=1)


def reason_labels(labels: Labels, view: View, types: Sequence[tuple[str, float]]) -> ReasonLabels:
    """The damage of each image, as far as its row or a table names it.

    Args:
        labels: recipes are read from their own text.
        view: how the images are seen: what is reduced afterwards is seen less.
        types: (M,) type and level by a table beside the labels, for the other images; "" where it says
            nothing, -1 where it names no level.

    Raises:
        DataError: of no image anything is known.
    """
    rows, chains = [], []
    for path, (kind, level) in zip(labels.paths, types, strict=True):
        recipe = is_recipe(path)
        rows.append(_of_recipe(path, view) if recipe else _of_type(path, view, kind, level))
        chains.append(recipe and is_chain(parse_stages(split_recipe(path)[1])))
    presence, severity = (np.stack(column).astype(np.float32) for column in zip(*rows, strict=True))
    found = ReasonLabels(presence, severity, np.array(chains, dtype=bool))
    if not found.known.any():
        raise DataError(
            f"{labels.where}: nothing says what the damage of its images is; reasons need rows that are "
            "recipes (utils/data_generate/recipe_generator.py) or a manifest.csv with known types beside it"
        )
    return found


def _of_recipe(path: str, view: View) -> Damage:
    source, text = split_recipe(path)
    stages = parse_stages(text)
    size = _size(source)
    if size is None:
        return unknown_damage()
    return damage_of(stages, size, reduction(view, *size_after(stages, size)))


def _of_type(path: str, view: View, kind: str, level: float) -> Damage:
    kind = kind.lower()
    if kind == CLEAN or level == 0:
        return no_damage()
    size = _size(path) if kind else None
    if size is None:
        return unknown_damage()
    return damage_of_type(kind, None if level < 0 else level, reduction(view, *size))


def reduction(view: View, height: int, width: int) -> float:
    """The factor, at most 1, by which `view` reduces the sides of an image."""
    if view.name == "whole":
        (tall, wide), scaled = whole_size(width, height, view.size[0] * view.size[1])
        return min(1.0, math.sqrt(tall * wide / (height * width))) if scaled else 1.0
    if view.name == "fit":
        return min(1.0, max(view.size[0] / height, view.size[1] / width))
    return 1.0


@lru_cache(maxsize=8)
def _size(path: str) -> tuple[int, int] | None:
    """(height, width) in the head of a file; None where it can't be read, which training itself will tell."""
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
