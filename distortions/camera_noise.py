"""Noise as cameras leave it in their files: as it is, smoothed in the colours, or smeared."""

import numpy as np

from distortions.linear_light import as_source
from distortions.registry import register, to_uint8
from distortions.sensor import PHONE, photographed

SHOTS = (0.00015, 0.0005, 0.0015, 0.004, 0.01)
PHONE_SHOTS = (0.0004, 0.0012, 0.0035, 0.009, 0.022)
SMEARS = (2.0, 4.0, 8.0, 14.0, 24.0)
SHOT_OF_SMEAR = 2.2e-5
COLOUR_SIGMA = 2.0  # pixels
SHARPENING = 0.35


@register("sensor_noise", "SENSOR_NOISE", SHOTS)
def sensor_noise(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Noise of a compact camera (Sony RX100 IV) at the shot noise `strength`, processed no further.

    The ladder spans what Brooks et al. 2019 draw from (0.0001 to 0.012): on mid grey a standard deviation of
    about 3 to 25 grey levels. Twice the strength is twice the ISO speed. Black and white stays so.
    """
    return as_source(image, photographed(image, strength, rng))


@register("phone_noise", "PHONE_NOISE", PHONE_SHOTS)
def phone_noise(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Noise of a telephone (Nexus 6P) at the shot noise `strength`, colours smoothed, luminance sharpened.

    Cameras take the noise of colours away first, because the eye misses little there, and sharpen at the end:
    coarse grey grain is what is left. Pixels of telephones are small; the ladder ends a stop above that of
    `sensor_noise`.
    """
    import cv2

    noisy = photographed(image, strength, rng, PHONE)
    ycc = cv2.cvtColor(noisy.astype(np.float32), cv2.COLOR_RGB2YCrCb)
    ycc[..., 1:] = cv2.GaussianBlur(ycc[..., 1:], (0, 0), COLOUR_SIGMA, borderType=cv2.BORDER_REFLECT)
    luma = ycc[..., 0]
    low = cv2.GaussianBlur(luma, (0, 0), 1.0, borderType=cv2.BORDER_REFLECT)
    ycc[..., 0] = luma + np.float32(SHARPENING) * (luma - low)
    return as_source(image, to_uint8(cv2.cvtColor(ycc, cv2.COLOR_YCrCb2RGB)))


@register("noise_reduction", "NOISE_REDUCTION", SMEARS)
def noise_reduction(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Noise of a telephone, removed by a filter that takes contrasts of about `strength` levels for noise.

    Texture is gone and edges stay, as in a water colour. The shot noise follows from the deviation that the
    filter is set to, and grows with its square (Foi et al. 2008). `denoise` is TID2013's: white noise, and
    non-local means that fit it.
    """
    noisy = photographed(image, SHOT_OF_SMEAR * strength**2, rng, PHONE)
    return as_source(image, smeared(noisy, 1.5 * strength))


def smeared(image: np.ndarray, deviation: float, radius: int = 4) -> np.ndarray:
    """What a guided filter leaves of an image uint8 (H, W, 3): edges, and no texture below `deviation`.

    The luminance guides itself and the colours (He, Sun and Tang 2010, eq. 5 and 6); windows have a side of
    2 * radius + 1 pixels, and colours are smoothed four times as readily.
    """
    import cv2

    ycc = cv2.cvtColor(image.astype(np.float32), cv2.COLOR_RGB2YCrCb)
    size = (2 * radius + 1, 2 * radius + 1)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.blur(values, size, borderType=cv2.BORDER_REFLECT))

    luma = ycc[..., :1].copy()
    guide = mean(luma)[..., None]
    covariance = mean(luma * ycc) - guide * mean(ycc)
    slope = covariance / (covariance[..., :1] + np.float32(deviation**2) * np.array([1, 4, 4], np.float32))
    offset = mean(ycc) - slope * guide
    return to_uint8(cv2.cvtColor(mean(slope) * luma + mean(offset), cv2.COLOR_YCrCb2RGB))
