"""Gaussian blur."""

import numpy as np

from distortions.registry import register, to_uint8

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
