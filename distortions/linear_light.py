"""Linear light: the sRGB curve both ways, and what several families of distortions share with it."""

from functools import cache

import numpy as np

DEEP = 65535
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # of linear R, G and B (ITU-R BT.709)


@cache
def _decoded() -> np.ndarray:
    values = np.arange(256) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).astype(np.float32)


@cache
def _encoded() -> np.ndarray:
    light = np.arange(DEEP + 1) / DEEP
    values = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(255 * values).astype(np.uint8)


def to_linear(image: np.ndarray) -> np.ndarray:
    """Linear light in [0, 1], float32, of sRGB uint8 (IEC 61966-2-1)."""
    import cv2

    return np.asarray(cv2.LUT(image, _decoded()))


def to_srgb(light: np.ndarray) -> np.ndarray:
    """sRGB uint8 of linear light float32, clipped to [0, 1], by a table of 16 bits (IEC 61966-2-1)."""
    scaled = light * np.float32(DEEP)
    scaled += np.float32(0.5)
    np.clip(scaled, 0, DEEP, out=scaled)
    return np.take(_encoded(), scaled.astype(np.uint16))


def through(light: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Colours float32 (H, W, 3), each multiplied by `matrix` (3, 3) from the left."""
    import cv2

    return np.asarray(cv2.transform(light, matrix.astype(np.float32)))


def is_grey(image: np.ndarray) -> bool:
    """Whether R, G and B are the same in every pixel."""
    return bool((image[..., :1] == image).all())


def as_source(image: np.ndarray, result: np.ndarray) -> np.ndarray:
    """`result` without colours where `image` has none: a black-and-white photograph is damaged in grey."""
    if not is_grey(image):
        return result
    grey = result.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.repeat(np.rint(grey).astype(np.uint8)[..., None], 3, axis=2)
