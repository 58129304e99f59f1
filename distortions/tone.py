"""Brightness and contrast."""

import numpy as np

from distortions.registry import register, steady_generator, to_uint8

SHIFTS = (0.04, 0.08, 0.12, 0.16, 0.2)  # of the full scale
CONTRASTS = (0.15, 0.25, 0.35, 0.45, 0.6)
BRIGHTEN = (0.1, 0.2, 0.4, 0.7, 1.1)
DARKEN = (0.05, 0.1, 0.2, 0.4, 0.8)


@register("mean_shift", "MEAN_SHIFT", SHIFTS, ordered_by="magnitude")
def mean_shift(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """All values up or down by `strength` of the scale, the direction drawn for the image.

    TID2013 type 16 (Ponomarenko et al. 2015) and KADID-10k type 18 (Lin, Hosu and Saupe 2019: 0, .08, -.08,
    .15, -.15) change the sign from level to level, and KADID's first level is the reference itself. Here the
    size of the shift orders the levels.
    """
    return to_uint8(image + np.float32(255 * strength * steady_generator(image).choice((-1, 1))))


@register("contrast", "CONTRAST", CONTRASTS, ordered_by="magnitude")
def contrast_change(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Contrast about the mean lowered by the share `strength`.

    TID2013 type 17 (Ponomarenko et al. 2015) and KADID-10k type 25 (Lin, Hosu and Saupe 2019) raise it at
    every other level, which people may prefer to the reference; only a loss gives an order to learn.
    """
    mean = image.mean(axis=(0, 1), keepdims=True, dtype=np.float64)
    return to_uint8(mean + (1 - strength) * (image - mean))


@register("brighten", "BRIGHTEN", BRIGHTEN, ordered_by="magnitude")
def brighten(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Mid-tones lifted: L* of CIELAB to the power 1 / (1 + strength) (KADID-10k type 16, Lin et al. 2019)."""
    return _with_lightness_power(image, 1 / (1 + strength))


@register("darken", "DARKEN", DARKEN, ordered_by="magnitude")
def darken(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Mid-tones lowered: L* of CIELAB to the power 1 + strength (KADID-10k type 17, Lin et al. 2019)."""
    return _with_lightness_power(image, 1 + strength)


def _with_lightness_power(image: np.ndarray, power: float) -> np.ndarray:
    import cv2

    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lab[..., 0] = 100 * (lab[..., 0] / 100) ** np.float32(power)
    return to_uint8(255 * cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))
