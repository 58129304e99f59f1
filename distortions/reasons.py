"""What each distortion type looks like: families of damage, and the level from which the eye sees them."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from distortions.registry import LEVELS, find_distortion
from distortions.stages import Stage
from rankiqa.reasons import FAMILIES

VISIBLE = 0.2  # severity at the level from which damage is visible; 1 at level 5
PER_HALVING = 1.25  # levels that damage of pixels loses where the image is reduced to half its sides after it
NEVER = math.inf


class Trace(NamedTuple):
    """One family of damage that a type leaves.

    Attributes:
        family: of `rankiqa.reasons.FAMILIES`.
        visible: the level from which on everybody sees it; NEVER: nobody can say.
        hidden: the level up to which nobody does; in between it depends on the image.
    """

    family: str
    visible: float
    hidden: float


def _traces(text: str) -> tuple[Trace, ...]:
    """`family visible hidden, ...`, with ? for NEVER."""
    rows = [part.split() for part in text.split(",")]
    return tuple(
        Trace(family, NEVER if visible == "?" else float(visible), float(hidden))
        for family, visible, hidden in rows
    )


# Levels are those of each type's ladder, continued in a straight line below 1: codecs of photographs are set
# to settings that are better than level 1.
TRACES: dict[str, tuple[Trace, ...]] = {
    kind: _traces(text)
    for kind, text in {
        # noise
        "wn": "noise 0.9 0.4", "kadid_wn": "noise 0.8 0", "waterloo_wn": "noise 0.9 0.4",
        "gauss": "noise 0.4 -1", "correlated_noise": "noise 0.4 -1", "chroma_noise": "noise 0.8 -0.5",
        "kadid_chroma": "noise 1.8 0.8", "high_noise": "noise 1 -0.5", "masked_noise": "noise 2 0.5",
        "impulse": "noise 0.9 0.2", "kadid_impulse": "noise 0.9 0.2",
        "multiplicative": "noise 1 0.3", "kadid_multiplicative": "noise 1.3 0.5",
        "sensor_noise": "noise 1.1 0.75", "phone_noise": "noise 1.2 0.75",
        "comfort_noise": "smear 1.5 0, noise ? 1",
        "blur_noise": "defocus 0.8 0, noise 0.8 0",
        "noisy_jp2k": "noise 1 -0.5, smear 4.2 1.5",
        "lifted": "noise 1.1 0.4, banding ? 2, dark ? 3.5",
        "dither": "noise 2.5 0.5, banding ? 1.5",
        # blur
        "gblur": "defocus 1.2 0.55", "waterloo_gblur": "defocus 0.9 0.4", "lens_blur": "defocus 1.9 0.9",
        "defocus": "defocus 2 0.9", "region_defocus": "defocus 1.7 0.7",
        "motion_blur": "motion_blur 1.8 0.9", "shake": "motion_blur 1.8 0.9",
        "straight_motion": "motion_blur 1.6 0.8",
        # compression
        "jpeg": "blocks 0.6 -0.6", "waterloo_jpeg": "blocks 0.8 0", "mozjpeg": "blocks 1.3 0.3",
        "jpegli": "blocks 1.2 0.55", "blur_jpeg": "defocus 0.8 0, blocks 1 0",
        "messenger": "blocks 1.2 0.5, smear ? 1, enlarged ? 3", "chroma_subsampling": "blocks 3 1.6",
        "jp2k": "smear 1.4 0.3", "waterloo_jp2k": "smear 1 0.4", "webp": "smear 1 -0.4, blocks ? 3",
        "avif": "smear 1 -0.4", "heic": "smear 1 -0.4", "jpeg_xl": "smear 1.4 0.4, blocks ? 4",
        "noise_reduction": "smear 2.2 1.1, noise ? 1", "denoise": "smear 1 0.3, noise ? 1",
        "sparse_sampling": "smear 1 0, noise ? 1, enlarged ? 1", "jitter": "smear 1.6 0.6, noise ? 1",
        "colour_diffusion": "smear 3 1.5",
        # steps
        "quantization": "banding 1 0", "kadid_quantization": "banding 1.2 0",
        "colour_quantization": "banding 1.2 0",
        # light
        "underexposed": "dark 1.7 0.8", "darken": "dark 3.6 2.2",
        "low_light": "dark 1.8 0.6, noise 2.2 1.1, smear ? 2",
        "overexposed": "bright 1.8 0.9", "brighten": "bright 3.2 1.9, haze ? 3",
        "mean_shift": "dark ? 1.5, bright ? 1.5",
        "haze": "haze 1.9 0.9", "contrast": "haze 2.6 1.2",
        # colours
        "white_balance": "colour_cast 2.6 1.2", "oversaturation": "colour_cast 2.2 0.9",
        "saturation": "colour_cast ? 2, haze ? 2",
        # edges
        "halos": "halos 1.5 0.7", "sharpen": "halos 2 0.9, noise ? 3", "hdr": "halos 2.2 1",
        "aberration": "halos 2 0.9", "colour_shift": "halos 1.5 0.6",
        # size
        "zoom": "enlarged 1.4 0.6", "zoom_nearest": "enlarged 1 0.3", "pixelate": "enlarged 1 0.3",
        "zoom_jpeg": "enlarged 1.8 0.8, blocks 3 0.8", "screenshot": "enlarged 2 0.9, halos ? 1",
        # errors
        "jpeg_errors": "transmission 1.4 0.5", "fastfading": "transmission 1 0.3, smear ? 3",
        "blocks": "transmission 1 0.3", "colour_blocks": "transmission 1 0.3",
        "eccentricity": "transmission 2.4 0.9",
    }.items()
}  # fmt: skip

# Families of pixels and edges, which a reduction of the image weakens; the others are of large areas
OF_PIXELS = frozenset(
    ("noise", "defocus", "motion_blur", "blocks", "smear", "halos", "enlarged", "transmission")
)
# What a later stage can cover or smooth away; whether it did, nobody can say from the levels
_SMOOTHED = ("noise", "blocks", "banding")
COVERED = {
    **dict.fromkeys(("defocus", "motion_blur", "smear", "enlarged"), _SMOOTHED),
    "noise": ("banding", "blocks", "smear"),
    "blocks": ("noise", "banding"),
    "banding": ("noise",),
}
MARGIN = 0.3  # of severity: what is so much weaker than the damage before it covers nothing


class Damage(NamedTuple):
    """What is known of the damage of one image.

    Attributes:
        presence: float32 (K,): 1 visible, 0 not, NaN unknown.
        severity: float32 (K,) in 0..1, NaN unknown; below VISIBLE nobody is sure to see it.
    """

    presence: np.ndarray
    severity: np.ndarray


def no_damage() -> Damage:
    """A clean image."""
    return Damage(np.zeros(len(FAMILIES), np.float32), np.zeros(len(FAMILIES), np.float32))


def unknown_damage() -> Damage:
    """An image of which nothing is known."""
    return Damage(*(np.full(len(FAMILIES), np.nan, np.float32) for _ in range(2)))


def damage_of(stages: Sequence[Stage], size: tuple[int, int], reduced: float = 1.0) -> Damage:
    """What `stages` leave to be seen.

    Args:
        stages: of a recipe, from the photograph on.
        size: (height, width) of the photograph.
        reduced: factor of the sides by which the result is reduced before it is seen, at most 1.
    """
    scales = _scales(stages, size, reduced)
    found = no_damage()
    for stage, scale in zip(stages, scales, strict=True):
        if stage.name == "grey":
            found.presence[FAMILIES.index("colour_cast")] = 0
            found.severity[FAMILIES.index("colour_cast")] = 0
        elif not stage.keeps_quality:
            _add(found, _of_type(stage.name, _level_of(stage), scale))
    return found


def damage_of_type(kind: str, level: float | None, reduced: float = 1.0) -> Damage:
    """What one type leaves.

    Args:
        kind: a key of TRACES; any other is unknown damage.
        level: None where it is not known: then everything that the type stands for is visible.
        reduced: see `damage_of`.
    """
    if level is not None or kind not in TRACES:
        return _of_type(kind, level or 0, reduced)
    found = no_damage()
    for trace in TRACES[kind]:
        place = FAMILIES.index(trace.family)
        found.presence[place] = np.nan if trace.visible == NEVER else 1
        found.severity[place] = np.nan
    return found


def _of_type(kind: str, level: float, scale: float) -> Damage:
    if kind not in TRACES:
        return unknown_damage()
    found = no_damage()
    for trace in TRACES[kind]:
        place = FAMILIES.index(trace.family)
        seen = level + PER_HALVING * math.log2(scale) * (trace.family in OF_PIXELS)
        if seen <= trace.hidden:
            continue
        if trace.visible == NEVER:
            found.presence[place] = found.severity[place] = np.nan
            continue
        sure = seen >= trace.visible
        found.presence[place] = 1 if sure else np.nan
        found.severity[place] = np.interp(seen, (trace.hidden, trace.visible, LEVELS), (0, VISIBLE, 1))
    return found


def _add(found: Damage, later: Damage) -> None:
    """Put the damage of a later stage over what was there, in place."""
    for place in np.flatnonzero(later.presence == 1):
        for family in COVERED.get(FAMILIES[place], ()):
            earlier = FAMILIES.index(family)
            if found.presence[earlier] == 1 and later.severity[place] > found.severity[earlier] - MARGIN:
                found.presence[earlier] = found.severity[earlier] = np.nan
    both_absent = (found.presence == 0) & (later.presence == 0)
    presence = np.where((found.presence == 1) | (later.presence == 1), 1, np.nan)
    found.presence[:] = np.where(both_absent, 0, presence)
    found.severity[:] = np.where(later.presence == 0, found.severity, np.fmax(found.severity, later.severity))


def _level_of(stage: Stage) -> float:
    return find_distortion(stage.name).level(stage.value) if stage.exact else stage.value


def size_after(stages: Sequence[Stage], size: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of what `stages` make of a photograph of `size`, cuts of single rows not counted."""
    height, width = map(float, size)
    for stage in stages:
        factor = 0.5 if stage.name == "part" else _shrinks(stage, height * width)
        height, width = height * factor, width * factor
        if stage.name == "turn" and stage.value % 2:
            height, width = width, height
    return max(1, round(height)), max(1, round(width))


def _shrinks(stage: Stage, pixels: float) -> float:
    """The factor by which a stage reduces the sides of an image of so many pixels."""
    if stage.name == "area":
        return min(1.0, math.sqrt(stage.value / pixels))
    return stage.value if stage.name == "size" else 1.0


def _scales(stages: Sequence[Stage], size: tuple[int, int], reduced: float) -> list[float]:
    """By what factor the sides of the image shrink after each stage, cuts not counted."""
    pixels, scale = float(size[0] * size[1]), 1.0
    before = []
    for stage in stages:
        factor = _shrinks(stage, pixels)
        scale *= factor
        pixels *= factor**2 / (4 if stage.name == "part" else 1)
        before.append(scale)
    return [scale * reduced / one for one in before]
