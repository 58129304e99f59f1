"""JPEG compression."""

import io

import numpy as np
from PIL import Image

from distortions.registry import register

QUALITIES = (43.0, 20.0, 12.0, 7.0, 4.0)

WATERLOO_QUALITIES = (43.0, 12.0, 7.0, 4.0, 1.0)


@register("waterloo_jpeg", "WATERLOO_JPEG", WATERLOO_QUALITIES)
@register("jpeg", "JPEG", QUALITIES)
def jpeg(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Baseline JPEG at quality = strength (libjpeg's scale 1..95, rounded), with 4:2:0 chroma, decoded again.

    LIVE release 2 (Sheikh, Sabir and Bovik 2006) used MATLAB's imwrite at 0.15 to 3.34 bits per pixel.
    RankIQA (Liu, van de Weijer and Bagdanov 2017) takes qualities 43, 12, 7, 4 and 0. libjpeg treats 0 as
    1, where only flat blocks are left; ours keep 43 to 4 and put a step between 43 and 12.
    The five with 0 are Waterloo Exploration's (Ma et al. 2017), here `waterloo_jpeg`.
    """
    with io.BytesIO() as file:
        Image.fromarray(image).save(file, "JPEG", quality=round(strength), subsampling="4:2:0")
        return np.asarray(Image.open(file).convert("RGB"))
