"""Pixels missing or out of place."""

import numpy as np

from distortions.registry import register, to_uint8

KEPT = (0.5, 0.3, 0.18, 0.1, 0.05)
JITTERS = (0.3, 0.6, 1.0, 1.6, 2.5)
SIDES = (2.0, 3.0, 5.0, 8.0, 12.0)
SHARPEN = (1.0, 2.0, 3.0, 6.0, 12.0)


@register("sparse_sampling", "SPARSE_SAMPLING", KEPT)
def sparse_sampling(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """The share `strength` of the pixels is kept at random places; the rest comes from their neighbours.

    TID2013 type 24 (Ponomarenko et al. 2015) reconstructs by compressive sensing. Normalised convolution
    (Knutsson and Westin 1993) with a Gaussian as wide as the gaps stands for it.
    """
    import cv2

    mask = (rng.random(image.shape[:2]) < strength).astype(np.float32)
    mask[0, 0] = 1
    sigma = 0.45 / np.sqrt(strength)
    known = np.dstack([image * mask[..., None], mask]).astype(np.float32)
    # a second, wide pass fills what no kept pixel reaches
    near, far = (
        cv2.GaussianBlur(known, (0, 0), s, borderType=cv2.BORDER_REFLECT) for s in (sigma, 4 * sigma)
    )
    blend = near + np.float32(1e-3) * far + np.float32(1e-9) * known.mean(axis=(0, 1))
    filled = blend[..., :3] / blend[..., 3:]
    return to_uint8(np.where(mask[..., None] > 0, image, filled))


@register("jitter", "JITTER", JITTERS)
def jitter(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Every pixel comes from a place up to `strength` pixels away (KADID-10k type 19, Lin et al. 2019)."""
    import cv2

    height, width = image.shape[:2]
    offsets = rng.uniform(-strength, strength, (2, height, width)).astype(np.float32)
    rows, columns = np.indices((height, width), dtype=np.float32) + offsets
    return np.asarray(cv2.remap(image, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT))


@register("pixelate", "PIXELATE", SIDES)
def pixelate(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Averaged over cells of `strength` pixels and enlarged without smoothing (KADID-10k type 21)."""
    import cv2

    height, width = image.shape[:2]
    small = max(1, round(width / strength)), max(1, round(height / strength))
    reduced = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(reduced, (width, height), interpolation=cv2.INTER_NEAREST))


@register("sharpen", "SHARPEN", SHARPEN)
def over_sharpen(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Unsharp masking with sigma 1 and an amount of `strength` (KADID-10k type 24, Lin et al. 2019)."""
    import cv2

    values = image.astype(np.float32)
    low = cv2.GaussianBlur(values, (0, 0), 1.0, borderType=cv2.BORDER_REFLECT)
    return to_uint8(values + np.float32(strength) * (values - low))
