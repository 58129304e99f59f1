"""White Gaussian noise."""

import numpy as np

from distortions.registry import register, to_uint8

# Exponents e of the variance 2^e on images in [0, 1]: standard deviations of 8, 13, 23, 38, 64 grey levels.
EXPONENTS = (-10.0, -8.5, -7.0, -5.5, -4.0)

WATERLOO_EXPONENTS = (-10.0, -7.5, -5.5, -3.5, 0.0)
KADID_VARIANCES = (0.001, 0.002, 0.003, 0.005, 0.01)


@register("kadid_wn", "KADID_WN", tuple(float(np.log2(variance)) for variance in KADID_VARIANCES))
@register("waterloo_wn", "WATERLOO_WN", WATERLOO_EXPONENTS)
@register("wn", "WN", EXPONENTS)
def white_noise(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Independent Gaussian noise of variance 2^strength (pixels in [0, 1]) on every channel of every pixel.

    LIVE release 2 (Sheikh, Sabir and Bovik 2006) adds noise of one standard deviation, 0.012 to 2.0, to R, G
    and B. RankIQA (Liu, van de Weijer and Bagdanov 2017) takes variances 2^(-10), 2^(-7.5), 2^(-5.5),
    2^(-3.5) and 1. We start where it does and step evenly by a factor of 2^1.5, which leaves out the last
    two: they clip most pixels and hardly show the image.
    `waterloo_wn` keeps them, as Waterloo Exploration does (Ma et al. 2017); `kadid_wn` has the variances of
    KADID-10k (Lin, Hosu and Saupe 2019).
    """
    deviation = 255.0 * 2.0 ** (strength / 2)
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    return to_uint8(image + np.float32(deviation) * noise)
