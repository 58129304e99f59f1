"""Image distortions of graded strength: one file a family, one registry for all.

Every type has five levels, 1 the mildest. `distort` is the only way in:

    worse = distort(image, "jpeg", level=3)

A new family is a file with a function under `@register(...)`, imported below.
"""

from distortions import gaussian_blur, jpeg, jpeg2000, white_noise
from distortions.registry import (
    LEVELS,
    Distortion,
    distort,
    find_distortion,
    level_of,
    list_distortions,
    seed_of,
)

__all__ = [
    "LEVELS",
    "Distortion",
    "distort",
    "find_distortion",
    "gaussian_blur",
    "jpeg",
    "jpeg2000",
    "level_of",
    "list_distortions",
    "seed_of",
    "white_noise",
]
