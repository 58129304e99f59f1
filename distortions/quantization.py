"""Fewer grey levels or colours."""

import numpy as np
from PIL import Image

from distortions.registry import register, to_uint8

TID_GREYS = (14.0, 10.0, 7.0, 5.0, 3.6)  # uniform steps that leave 33 to 21 dB
KADID_GREYS = (20.0, 16.0, 13.0, 10.0, 7.0)
DITHER_COLOURS = (6.0, 5.0, 4.0, 3.0, 2.0)  # as powers of two: 64, 32, 16, 8, 4 colours
KADID_COLOURS = (64.0, 48.0, 32.0, 16.0, 8.0)


@register("kadid_quantization", "KADID_QUANTIZATION", KADID_GREYS)
@register("quantization", "QUANTIZATION", TID_GREYS)
def quantization(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Each channel rounded to about `strength` evenly spaced levels, ends included.

    TID2013 type 7 (Ponomarenko et al. 2015); KADID-10k type 22 (Lin, Hosu and Saupe 2019), which places the
    levels by Otsu's method on the luminance: evenly spaced ones stand for them here.
    """
    step = 255.0 / (strength - 1)
    return to_uint8(np.rint(image.astype(np.float32) / step) * step)


@register("dither", "DITHER", DITHER_COLOURS)
def colour_quantization_with_dither(
    image: np.ndarray, strength: float, rng: np.random.Generator
) -> np.ndarray:
    """A palette of 2^strength colours chosen for the picture (median cut), with Floyd-Steinberg dither.

    TID2013 type 22 (Ponomarenko et al. 2015) uses MATLAB's rgb2ind in the same manner.
    """
    return _with_palette(image, round(2.0**strength), Image.Dither.FLOYDSTEINBERG)


@register("colour_quantization", "COLOUR_QUANTIZATION", KADID_COLOURS)
def colour_quantization(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A palette of `strength` colours chosen for the picture, without dither (KADID-10k type 6)."""
    return _with_palette(image, round(strength), Image.Dither.NONE)


def _with_palette(image: np.ndarray, colours: int, dither: Image.Dither) -> np.ndarray:
    picture = Image.fromarray(image)
    palette = picture.quantize(colours, method=Image.Quantize.MEDIANCUT)
    return np.asarray(picture.quantize(palette=palette, dither=dither).convert("RGB"))
