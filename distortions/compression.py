"""Compression: JPEG and JPEG 2000."""

import io

import numpy as np
from PIL import Image

from distortions.registry import register

BITS_A_PIXEL = (0.8, 0.4, 0.2, 0.1, 0.05)
WATERLOO_RATIOS = (52.0, 150.0, 343.0, 600.0, 1200.0)
# The headers of a JPEG 2000 file have a size of their own, which on small images would eat all the budget.
HEADER_BYTES = 200
# On smaller images all rates give the same few bytes; they are mirrored outwards, coded and cut back.
MIN_CODED_SIDE = 256


@register("waterloo_jp2k", "WATERLOO_JP2K", tuple(float(np.log2(24 / ratio)) for ratio in WATERLOO_RATIOS))
@register("jp2k", "JP2K", tuple(float(np.log2(bits)) for bits in BITS_A_PIXEL))
def jpeg2000(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """JPEG 2000 (9/7 wavelet) at 2^strength bits per pixel, headers not counted, decoded again.

    LIVE release 2 (Sheikh, Sabir and Bovik 2006) used Kakadu at 0.028 to 3.15 bits per pixel. RankIQA (Liu,
    van de Weijer and Bagdanov 2017) takes 0.46, 0.16, 0.07, 0.04 and 0.02; the last leaves blotches. Ours
    halve the rate from level to level within the range of LIVE. `waterloo_jp2k` has the compression ratios of
    Waterloo Exploration (Ma et al. 2017).
    """
    height, width = image.shape[:2]
    margins = [(0, max(0, MIN_CODED_SIDE - side)) for side in (height, width)] + [(0, 0)]
    coded = np.pad(image, margins, mode="symmetric")
    pixels = coded.shape[0] * coded.shape[1]
    ratio = 3 * pixels / (2.0**strength * pixels / 8 + HEADER_BYTES)
    with io.BytesIO() as file:
        options = {"quality_mode": "rates", "quality_layers": [ratio], "irreversible": True}
        Image.fromarray(coded).save(file, "JPEG2000", **options)
        return np.asarray(Image.open(file).convert("RGB"))[:height, :width].copy()


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
