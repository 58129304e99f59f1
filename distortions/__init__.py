"""Image distortions of graded strength: one file a family, one registry for all.

Every type has five levels, 1 the mildest. `distort` is the only way in:

    worse = distort(image, "jpeg", level=3)

A new family is a file with a function under `@register(...)`, imported below.
"""

from distortions import (
    chains,
    colour,
    denoising,
    fast_fading,
    gaussian_blur,
    impulse_noise,
    jpeg,
    jpeg2000,
    jpeg_errors,
    multiplicative_noise,
    noise_shapes,
    optical_blur,
    patches,
    quantization,
    resampling,
    tone,
    white_noise,
)
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

__all__ = [
    "Distortion",
    "LEVELS",
    "SETS",
    "chains",
    "colour",
    "denoising",
    "distort",
    "fast_fading",
    "find_distortion",
    "gaussian_blur",
    "impulse_noise",
    "jpeg",
    "jpeg2000",
    "jpeg_errors",
    "level_of",
    "list_distortions",
    "multiplicative_noise",
    "noise_shapes",
    "optical_blur",
    "patches",
    "quantization",
    "resampling",
    "seed_of",
    "tone",
    "types_of",
    "white_noise",
]
