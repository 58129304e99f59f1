"""Scaled down and up again: zooming, messengers, screenshots."""

import numpy as np

from distortions.compression import jpeg
from distortions.registry import register, steady_generator, to_uint8

ZOOMS = (1.4, 1.9, 2.6, 3.6, 5.0)
NEAREST = (1.3, 1.7, 2.3, 3.2, 4.5)
WITH_JPEG = (1.25, 1.6, 2.1, 2.8, 3.8)
SENDS = (1.0, 2.0, 3.0, 5.0, 8.0)
SCREENS = (1.15, 1.35, 1.7, 2.3, 3.1)


@register("zoom", "ZOOM", ZOOMS)
def zoom(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Made smaller by the factor `strength` (area average), and enlarged again (bicubic)."""
    return enlarged(reduced(image, strength), image)


@register("zoom_nearest", "ZOOM_NEAREST", NEAREST)
def zoom_nearest(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Made smaller by the factor `strength` and enlarged again, both by the nearest pixel: jagged edges."""
    import cv2

    height, width = image.shape[:2]
    small = cv2.resize(image, _size(image, strength), interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST_EXACT))


@register("zoom_jpeg", "ZOOM_JPEG", WITH_JPEG)
def zoom_jpeg(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A thumbnail enlarged: smaller by `strength`, JPEG of a quality that falls with it, bicubic up again."""
    quality = np.interp(strength, (WITH_JPEG[0], WITH_JPEG[-1]), (75, 35))
    return enlarged(jpeg(reduced(image, strength), float(quality), rng), image)


@register("messenger", "MESSENGER", SENDS)
def messenger(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Sent on `strength` times: each time made smaller and coded as JPEG 4:2:0; shown at the old size."""
    generator, sent = steady_generator(image), image
    for number in range(int(np.ceil(strength))):
        side, quality = generator.uniform(0.8, 0.95), generator.uniform(40, 70)
        # the last of a broken number of times is a mild one
        part = min(1.0, strength - number)
        sent = jpeg(reduced(sent, 1 / (1 - part * (1 - side))), 95 - part * (95 - quality), rng)
    return enlarged(sent, image)


@register("screenshot", "SCREENSHOT", SCREENS)
def screenshot(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Photographed from a screen's memory: smaller by an odd factor `strength`, back, and sharpened, all bilinear."""
    import cv2

    height, width = image.shape[:2]
    small = cv2.resize(image, _size(image, strength), interpolation=cv2.INTER_LINEAR)
    back = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    low = cv2.GaussianBlur(back, (0, 0), 1.0, borderType=cv2.BORDER_REFLECT)
    return to_uint8(back + np.float32(0.8 * strength) * (back - low))


def reduced(image: np.ndarray, factor: float) -> np.ndarray:
    """`image` with its sides divided by `factor`, by the average of the pixels that fall together."""
    import cv2

    return np.asarray(cv2.resize(image, _size(image, factor), interpolation=cv2.INTER_AREA))


def enlarged(small: np.ndarray, like: np.ndarray) -> np.ndarray:
    """`small` at the size of `like`, bicubic; by averages where that is smaller."""
    import cv2

    height, width = like.shape[:2]
    larger = height > small.shape[0] or width > small.shape[1]
    way = cv2.INTER_CUBIC if larger else cv2.INTER_AREA
    return np.asarray(cv2.resize(small, (width, height), interpolation=way))


def _size(image: np.ndarray, factor: float) -> tuple[int, int]:
    height, width = image.shape[:2]
    return max(1, round(width / factor)), max(1, round(height / factor))
