"""Blur: Gaussian, and as lenses and moving cameras make it."""

import numpy as np

from distortions.registry import register, steady_generator, to_uint8

RADII = (1.0, 2.0, 4.0, 6.0, 8.0)
LENGTHS = (2.0, 4.0, 6.0, 10.0, 16.0)
SHIFTS = (1.0, 2.0, 3.0, 4.0, 6.0)
SUPERSAMPLING = 8


@register("lens_blur", "LENS_BLUR", RADII)
def lens_blur(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """An even disc of radius `strength` pixels, edges antialiased (KADID-10k type 2, Lin et al. 2019)."""
    half = int(np.ceil(strength))
    at = (np.arange((2 * half + 1) * SUPERSAMPLING) + 0.5) / SUPERSAMPLING - half - 0.5
    inside = np.hypot(*np.meshgrid(at, at)) <= strength + 0.5
    size = 2 * half + 1
    return _filtered(image, inside.reshape(size, SUPERSAMPLING, size, SUPERSAMPLING).mean(axis=(1, 3)))


@register("motion_blur", "MOTION_BLUR", LENGTHS)
def motion_blur(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """An even line of `strength` pixels in a direction drawn for the image (KADID-10k type 3).

    KADID takes lengths of 1 to 10 in one direction; ours start at 2, as 1 changes nothing.
    """
    angle = steady_generator(image).uniform(0, np.pi)
    half = int(np.ceil(strength / 2))
    kernel = np.zeros((2 * half + 1, 2 * half + 1))
    for along in np.linspace(-strength / 2, strength / 2, 16 * half + 1):
        _splat(kernel, half + along * np.sin(angle), half + along * np.cos(angle))
    return _filtered(image, kernel)


@register("aberration", "ABERRATION", SHIFTS, ordered_by="magnitude")
def chromatic_aberration(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Red and blue moved apart by `strength` pixels each way and slightly blurred (TID2013 type 23)."""
    from scipy.ndimage import gaussian_filter, shift

    moved = image.astype(np.float32)
    for channel, sign in ((0, 1), (2, -1)):
        colour = shift(moved[..., channel], (0.5 * sign * strength, sign * strength), order=1, mode="nearest")
        moved[..., channel] = gaussian_filter(colour, 0.25 * strength, mode="reflect")
    return to_uint8(moved)


def _splat(kernel: np.ndarray, row: float, column: float) -> None:
    top, left = min(int(row), len(kernel) - 2), min(int(column), len(kernel) - 2)
    down, right = row - top, column - left
    weights = np.outer([1 - down, down], [1 - right, right])
    kernel[top : top + 2, left : left + 2] += weights


def _filtered(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    import cv2

    weights = (kernel / kernel.sum()).astype(np.float32)
    return to_uint8(cv2.filter2D(image.astype(np.float32), -1, weights, borderType=cv2.BORDER_REFLECT))


SIGMAS = (0.8, 1.4, 2.4, 4.0, 7.0)  # pixels
WATERLOO_SIGMAS = (1.2, 2.5, 6.5, 15.2, 33.2)
TRUNCATE = 4.0  # the kernel ends after this many sigmas


@register("waterloo_gblur", "WATERLOO_GBLUR", WATERLOO_SIGMAS)
@register("gblur", "GBLUR", SIGMAS)
def gaussian_blur(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Each channel convolved with a Gaussian of sigma = strength pixels; borders are mirrored.

    LIVE release 2 (Sheikh, Sabir and Bovik 2006) blurs R, G and B with sigmas of 0.42 to 15 pixels on
    768 x 512. RankIQA (Liu, van de Weijer and Bagdanov 2017) takes 1.2, 2.5, 6.5, 15 and 33; its last two
    leave nothing to rank in a 224-pixel crop, so that ours rise by about 1.7 from barely visible to strong.
    Those wide ones are the ladder of Waterloo Exploration (Ma et al. 2017), here `waterloo_gblur`.
    """
    from scipy.ndimage import gaussian_filter

    sigmas = (strength, strength, 0.0)
    return to_uint8(gaussian_filter(image.astype(np.float32), sigmas, mode="reflect", truncate=TRUNCATE))
