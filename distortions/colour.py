"""Saturation, and colour that leaves its place.

KADID-10k is Lin, Hosu and Saupe 2019; its types have the numbers of their table 1.
"""

import numpy as np

from distortions.registry import register, steady_generator, to_uint8

LOSSES = (0.2, 0.4, 0.6, 0.8, 1.0)
GAINS = (1.5, 2.0, 3.0, 5.0, 9.0)
SIGMAS = (3.0, 6.0, 9.0, 14.0, 20.0)
SHIFTS = (2.0, 4.0, 7.0, 11.0, 16.0)


@register("saturation", "SATURATION", LOSSES, ordered_by="magnitude")
def less_saturation(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Cb and Cr times 1 - strength; at 1 a grey image is left.

    TID2013 type 18 (Ponomarenko et al. 2015); KADID-10k type 7 (Lin, Hosu and Saupe 2019) lowers the
    saturation of HSV and inverts it at its last level.
    """
    grey = (image @ np.array([0.299, 0.587, 0.114]))[..., None]
    return to_uint8(grey + (1 - strength) * (image - grey))


@register("oversaturation", "OVERSATURATION", GAINS, ordered_by="magnitude")
def more_saturation(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """a and b of CIELAB times `strength` (KADID-10k type 8: 1, 2, 3, 6, 9; 1 is no change)."""
    lab = _lab(image)
    lab[..., 1:] *= np.float32(strength)
    return _rgb(lab)


@register("colour_diffusion", "COLOUR_DIFFUSION", SIGMAS, ordered_by="magnitude")
def colour_diffusion(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """a and b of CIELAB blurred with a sigma of `strength` pixels (KADID-10k type 4, Lin et al. 2019)."""
    import cv2

    lab = _lab(image)
    for channel in (1, 2):
        lab[..., channel] = cv2.GaussianBlur(
            lab[..., channel], (0, 0), strength, borderType=cv2.BORDER_REFLECT
        )
    return _rgb(lab)


@register("colour_shift", "COLOUR_SHIFT", SHIFTS, ordered_by="magnitude")
def colour_shift(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Green moved by `strength` pixels in a direction drawn for the image (KADID-10k type 5)."""
    from scipy.ndimage import shift

    angle = steady_generator(image).uniform(0, 2 * np.pi)
    moved = image.astype(np.float32)
    offset = strength * np.sin(angle), strength * np.cos(angle)
    moved[..., 1] = shift(moved[..., 1], offset, order=1, mode="nearest")
    return to_uint8(moved)


def _lab(image: np.ndarray) -> np.ndarray:
    import cv2

    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB))


def _rgb(lab: np.ndarray) -> np.ndarray:
    import cv2

    return to_uint8(255 * cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))
