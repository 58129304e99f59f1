"""Fewer grey levels or colours."""

import numpy as np
from PIL import Image

from distortions.registry import register, to_uint8

PSNRS = (33.0, 30.0, 27.0, 24.0, 21.0)  # dB, the design of TID2013
KADID_GREYS = (20.0, 16.0, 13.0, 10.0, 7.0)
DITHER_COLOURS = (6.0, 5.0, 4.0, 3.0, 2.0)  # as powers of two: 64, 32, 16, 8, 4 colours
VALUES = np.arange(256.0)
STEPS = np.geomspace(2.0, 255.0, 400)
KADID_COLOURS = (64.0, 48.0, 32.0, 16.0, 8.0)


@register("quantization", "QUANTIZATION", PSNRS)
def quantization(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Each channel in steps of one length, the least from fine to coarse that leaves at most `strength` dB.

    TID2013 type 7 (Ponomarenko et al. 2015). Steps of one length harm one image more than another, so the
    PSNR is what is fixed. The steps are counted from each channel's most frequent value: a plain sky, which
    they may meet at one length and miss at the next, keeps its colour.
    """
    allowed = image.size * 255.0**2 / 10 ** (strength / 10)
    counts = np.stack([np.bincount(image[..., c].ravel(), minlength=256) for c in range(3)])
    anchors = counts.argmax(axis=1)[:, None]
    for step in STEPS:
        tables = to_uint8(anchors + np.rint((VALUES - anchors) / step) * step)
        if (counts * np.square(tables - VALUES)).sum() > allowed:
            break
    return np.stack([table[image[..., c]] for c, table in enumerate(tables)], axis=-1)


@register("kadid_quantization", "KADID_QUANTIZATION", KADID_GREYS)
def otsu_quantization(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Each channel in `strength` values, thresholds and values by Otsu's method (KADID-10k type 22).

    Otsu (1979) for several thresholds: the classes with the least variance within, each replaced by its mean;
    found exactly, by dynamic programming over the histogram.
    """
    tables = (_least_variance(np.bincount(image[..., c].ravel(), minlength=256), strength) for c in range(3))
    return np.stack([table[image[..., c]] for c, table in enumerate(tables)], axis=-1)


def _least_variance(histogram: np.ndarray, classes: float) -> np.ndarray:
    """The value uint8 that each of 256 takes when they are merged to `classes` (rounded) runs."""
    places = np.arange(257)
    weight, first, second = (
        np.concatenate([[0.0], np.cumsum(histogram * VALUES**power)]) for power in range(3)
    )
    # cost[i, j]: squared error of the run of values i..j-1 about their mean
    mass, mean = (sums[None] - sums[:, None] for sums in (weight, first))
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = second[None] - second[:, None] - np.where(mass > 0, mean**2 / mass, 0.0)
    cost[places[:, None] > places[None]] = np.inf
    best, splits = cost[0], []
    for _ in range(round(classes) - 1):
        total = best[:, None] + cost
        splits.append(total.argmin(axis=0))
        best = total.min(axis=0)
    table, end = np.empty(256), 256
    for split in (*reversed(splits), np.zeros(257, int)):
        start = int(split[end])
        table[start:end] = mean[start, end] / max(mass[start, end], 1.0)
        end = start
    return to_uint8(table)


@register("dither", "DITHER", DITHER_COLOURS)
def colour_quantization_with_dither(
    image: np.ndarray, strength: float, rng: np.random.Generator
) -> np.ndarray:
    """A palette of 2^strength colours chosen for the image (median cut), with Floyd-Steinberg dither.

    TID2013 type 22 (Ponomarenko et al. 2015) uses MATLAB's rgb2ind in the same manner.
    """
    return _with_palette(image, round(2.0**strength), Image.Dither.FLOYDSTEINBERG)


@register("colour_quantization", "COLOUR_QUANTIZATION", KADID_COLOURS)
def colour_quantization(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A palette of `strength` colours chosen for the image, without dither (KADID-10k type 6)."""
    return _with_palette(image, round(strength), Image.Dither.NONE)


def _with_palette(image: np.ndarray, colours: int, dither: Image.Dither) -> np.ndarray:
    source = Image.fromarray(image)
    palette = source.quantize(colours, method=Image.Quantize.MEDIANCUT)
    return np.asarray(source.quantize(palette=palette, dither=dither).convert("RGB"))
