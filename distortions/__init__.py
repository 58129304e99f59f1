"""Image distortions of graded strength: one file per family, one registry for all.

Every type has five levels, 1 the mildest. `distort` is the only way in:

    worse = distort(image, "jpeg", level=3)

A new family is a file here with a function under `@register(...)`.
"""

from distortions.registry import (
    LEVELS,
    Distortion,
    distort,
    find_distortion,
    level_of,
    list_distortions,
    seed_of,
)
from distortions.sets import SETS, types_of
from utils.discovery import import_all

import_all(__name__, __path__)

__all__ = [
    "LEVELS",
    "SETS",
    "Distortion",
    "distort",
    "find_distortion",
    "level_of",
    "list_distortions",
    "seed_of",
    "types_of",
]
