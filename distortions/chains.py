"""Two distortions after one another."""

import numpy as np

from distortions.blur import gaussian_blur
from distortions.compression import jpeg, jpeg2000
from distortions.noise import add_noise, draw
from distortions.registry import register, to_uint8

STEPS = (1.0, 1.5, 2.0, 2.5, 3.0)  # along the three levels of LIVE-MD
SIGMAS = (3.2, 3.9, 4.6)
QUALITIES = (27.0, 18.0, 12.0)
VARIANCES = (0.002, 0.008, 0.032)
DECIBELS = (33.0, 30.0, 27.0, 24.0, 21.0)


@register("blur_jpeg", "BLUR_JPEG", STEPS)
def blur_then_jpeg(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian blur, then JPEG, both at step `strength` of 1..3 (LIVE-MD part 1, Jayaraman et al. 2012)."""
    return jpeg(gaussian_blur(image, _at(SIGMAS, strength), rng), _at(QUALITIES, strength), rng)


@register("blur_noise", "BLUR_NOISE", STEPS)
def blur_then_noise(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian blur, then white noise, both at step `strength` of 1..3 (LIVE-MD part 2, ibid.)."""
    blurred = gaussian_blur(image, _at(SIGMAS, strength), rng)
    deviation = 255 * np.sqrt(np.exp(_at(np.log(VARIANCES), strength)))
    return to_uint8(blurred + np.float32(deviation) * draw(image, rng))


@register("noisy_jp2k", "NOISY_JP2K", DECIBELS)
def compressed_noise(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """White noise at strength dB, then JPEG 2000 at a rate that falls with it (TID2013 type 21)."""
    noisy = add_noise(image, draw(image, rng), strength)
    return jpeg2000(noisy, (strength - 27) / 6, rng)


@register("comfort_noise", "COMFORT_NOISE", DECIBELS)
def comfort_noise(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """The fine detail replaced by noise of the same local power, so much of it that strength dB are left.

    TID2013 type 20 (Ponomarenko et al. 2015): a codec that sends no texture lets the receiver make it up.
    """
    values = image.astype(np.float32)
    smooth = gaussian_blur(image, 1.5, rng)
    power = gaussian_blur(to_uint8(np.abs(values - smooth)), 3.0, rng).astype(np.float32)
    change = draw(image, rng) * (1 + power) - (values - smooth)
    return add_noise(image, change, strength)


def _at(levels: tuple[float, ...] | np.ndarray, step: float) -> float:
    return float(np.interp(step, (1, 2, 3), levels))
