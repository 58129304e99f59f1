"""Haze before the lens, and halos of the processing behind it."""

import numpy as np

from distortions.linear_light import LUMINANCE, to_linear, to_srgb
from distortions.registry import register, steady_generator, to_uint8

DENSITIES = (0.08, 0.2, 0.4, 0.8, 1.6)  # of the farthest place: its light is weakened by exp(-density)
AIRLIGHT = (0.08, 0.7)  # the least and the most linear light that haze scatters
AMOUNTS = (0.5, 1.0, 1.7, 2.6, 4.0)
TONES = (0.25, 0.45, 0.65, 0.85, 1.0)


@register("haze", "HAZE", DENSITIES)
def haze(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Haze over a depth drawn for the image, of the optical density `strength` at the farthest place.

    Linear light J becomes J t + A (1 - t) with t = exp(-density * depth) (Koschmieder 1924; Narasimhan and
    Nayar 2002, eq. 2). RESIDE (Li et al. 2019) renders A of 0.7 to 1 and densities of 0.6 to 1.8; ours begin
    where it is just seen. The true depth is unknown; a smooth one of 0.3 to 1 stands for it.
    """
    clear = np.exp(-np.float32(strength) * depth_of(image))[..., None]
    light = to_linear(image)
    # haze is lit by what lights the scene: as bright as its bright places, and no day in the night
    airlight = np.clip(np.quantile((light[::2, ::2] @ LUMINANCE), 0.9), *AIRLIGHT).astype(np.float32)
    return to_srgb(light * clear + airlight * (1 - clear))


@register("halos", "HALOS", AMOUNTS)
def halos(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Unsharp masking of the luminance by the amount `strength`, a radius of 1/80 of the shorter side.

    The bright and dark borders that Krasula et al. 2017 ("Quality assessment of sharpened images") let people
    rate. `sharpen` is KADID-10k's: a radius of one pixel, which makes noise rather than halos.
    """
    import cv2

    values = image.astype(np.float32)
    luma = values @ np.array([0.299, 0.587, 0.114], np.float32)
    sigma = max(2.0, min(image.shape[:2]) / 80)
    low = cv2.GaussianBlur(luma, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return to_uint8(values + np.float32(strength) * (luma - low)[..., None])


@register("hdr", "HDR", TONES, ordered_by="magnitude")
def local_tone_mapping(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Overdone local tone mapping: large differences of light levelled by `strength`, small ones raised.

    The logarithm of the luminance is a base and detail (Durand and Dorsey 2002), the base a Gaussian here: it
    does not stop at edges, which is what gives the halos of careless tone mapping.
    """
    import cv2

    light = to_linear(image)
    luminance = np.log2(light @ LUMINANCE + np.float32(0.003))
    sigma = max(4.0, min(image.shape[:2]) / 24)
    base = cv2.GaussianBlur(luminance, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    flat = base.mean() + np.float32(1 - 0.8 * strength) * (base - base.mean())
    mapped = flat + np.float32(1 + 0.8 * strength) * (luminance - base)
    return to_srgb(light * np.exp2(mapped - luminance)[..., None])


def depth_of(image: np.ndarray) -> np.ndarray:
    """A smooth depth (H, W), float32 in [0.3, 1], drawn for the image: farther at the top, with hills."""
    import cv2

    rng = steady_generator(image)
    height, width = image.shape[:2]
    coarse = rng.random((5, 5), dtype=np.float32) + np.linspace(1.5, 0, 5, dtype=np.float32)[:, None]
    smooth = cv2.GaussianBlur(
        cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC),
        (0, 0),
        max(1.0, min(height, width) / 16),
    )
    low, high = float(smooth.min()), float(smooth.max())
    return np.float32(0.3) + np.float32(0.7) * (smooth - np.float32(low)) / np.float32(max(high - low, 1e-6))
