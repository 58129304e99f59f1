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
    """Made smaller by the factor `strength` (average of areas), and enlarged again (bicubic).

    The resizing of BSRGAN (Zhang et al. 2021) and Real-ESRGAN (Wang et al. 2021), which scale by 1/8 to 1.5.
    """
    return enlarged(reduced(image, strength), image)


@register("zoom_nearest", "ZOOM_NEAREST", NEAREST)
def zoom_nearest(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Made smaller by the factor `strength` and enlarged again, both by the nearest pixel: jagged edges."""
    import cv2

    height, width = image.shape[:2]
    small = cv2.resize(image, reduced_size(image, strength), interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST_EXACT))


@register("zoom_jpeg", "ZOOM_JPEG", WITH_JPEG)
def zoom_jpeg(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A thumbnail enlarged: smaller by `strength`, JPEG of quality 75 to 35, and bicubic up again.

    Resize and JPEG in this order are a stage of Real-ESRGAN (Wang et al. 2021, section 3), with qualities of
    30 to 95. The blocks grow with the pixels.
    """
    quality = np.interp(strength, (WITH_JPEG[0], WITH_JPEG[-1]), (75, 35))
    return enlarged(jpeg(reduced(image, strength), float(quality), rng), image)


@register("messenger", "MESSENGER", SENDS)
def messenger(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Sent on `strength` times; each time 5 to 20% smaller and JPEG 4:2:0 of quality 40 to 70 again.

    Messengers limit the size in pixels and code anew; Caldelli, Becarelli and Amerini 2017 ("Image origin
    classification based on social network provenance") tell them by it. What each step does is drawn for the
    image, so that a level begins with all steps of the one below. It is shown at the old size (bicubic).
    """
    generator, sent = steady_generator(image), image
    for number in range(int(np.ceil(strength))):
        side, quality = generator.uniform(0.8, 0.95), generator.uniform(40, 70)
        # the last of a broken number of times is a mild one
        part = min(1.0, strength - number)
        sent = jpeg(reduced(sent, 1 / (1 - part * (1 - side))), 95 - part * (95 - quality), rng)
    return enlarged(sent, image)


@register("screenshot", "SCREENSHOT", SCREENS)
def screenshot(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A screenshot of a photograph shown smaller by the odd factor `strength`, enlarged and sharpened.

    Bilinear both ways without a low-pass filter, as browsers scale fast: jagged edges, then their halos. The
    PNG that keeps them has no loss and is left out.
    """
    import cv2

    height, width = image.shape[:2]
    small = cv2.resize(image, reduced_size(image, strength), interpolation=cv2.INTER_LINEAR)
    back = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    low = cv2.GaussianBlur(back, (0, 0), 1.0, borderType=cv2.BORDER_REFLECT)
    return to_uint8(back + np.float32(0.8 * strength) * (back - low))


def reduced(image: np.ndarray, factor: float) -> np.ndarray:
    """`image` with its sides divided by `factor`, by the average of the pixels that fall together."""
    import cv2

    return np.asarray(cv2.resize(image, reduced_size(image, factor), interpolation=cv2.INTER_AREA))


def enlarged(small: np.ndarray, like: np.ndarray) -> np.ndarray:
    """`small` at the size of `like`, bicubic; by averages where that is smaller."""
    import cv2

    height, width = like.shape[:2]
    larger = height > small.shape[0] or width > small.shape[1]
    way = cv2.INTER_CUBIC if larger else cv2.INTER_AREA
    return np.asarray(cv2.resize(small, (width, height), interpolation=way))


def reduced_size(image: np.ndarray, factor: float) -> tuple[int, int]:
    """(width, height) of `image` with its sides divided by `factor`, at least one pixel each."""
    height, width = image.shape[:2]
    return max(1, round(width / factor)), max(1, round(height / factor))
