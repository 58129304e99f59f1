"""What the pixels of one image say of light, sharpness, noise, content and colour, in NumPy and Pillow alone.

Everything is measured at about the size at which a screen shows an image: an image of more than AREA pixels
is reduced by a whole factor first, whose means take away noise and blur that nobody sees at that size.
"""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops

from rankiqa.look_alikes import perceptual_hash, pixel_digest

AREA = 1 << 20  # pixels
FULL = 254  # of a channel: at its end
RUN = 16  # pixels of a row or column, in which an edge is looked for
CONTRAST = 24  # grey levels that the pixels of a run span at least, for an edge to be judged
FEWEST_RUNS = 50  # with an edge, for the sharpness of a direction to be known
SHARPEST = 95  # percentile over the runs: of an image with a soft background, what is in focus counts
BLOCK = 8  # pixels of a side, in which noise is estimated
TONES = tuple(range(16, 240, 32))  # black and white, where noise is cut off, are left out
TONE = 32  # grey levels
SHARE_OF_TONE = 0.02  # of the blocks, for a tone to count
COARSE, COARSE_RUN = 4, 8  # content: the reduction that takes noise away, and the pixels of a run after it


@dataclass(frozen=True)
class Measures:
    """Numbers of one image; grey levels are 0..255.

    Attributes:
        highlights: 99th percentile of the luminance.
        clipped: share of pixels with a channel at its end.
        sharpness: the steepest step between neighbours over the contrast within its run of RUN pixels, at the
            sharpest edges of the less sharp direction: 1 for a step of one pixel; None without enough edges.
        noise: standard deviation of the luminance in the calmest places, the median over its tones.
        colour_noise: the same of Cb or Cr, the lesser one, at half size, over the calmest quarter.
        content: contrast of the shapes: the 99th percentile of the contrast within 32 pixels.
        colour: 99.5th percentile of the distance from grey, in Cb or Cr, the greater one.
        pixels: digest of the pixels, 64 bits.
        look: hash of `rankiqa.look_alikes`.
    """

    highlights: float
    clipped: float
    sharpness: float | None
    noise: float
    colour_noise: float
    content: float
    colour: float
    pixels: int
    look: int


def measure(image: Image.Image) -> Measures:
    """The measures of an RGB image of any size."""
    factor = math.ceil(math.sqrt(image.width * image.height / AREA))
    shown = image.reduce(factor) if factor > 1 else image
    grey = shown.convert("L")
    luminance = np.asarray(grey)
    red, green, blue = shown.split()
    brightest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    return Measures(
        highlights=_quantile(np.array(grey.histogram()), 0.99),
        clipped=sum(brightest.histogram()[FULL:]) / (shown.width * shown.height),
        sharpness=_sharpness(luminance),
        noise=_noise(luminance),
        colour_noise=_colour_noise(shown),
        content=_content(grey),
        colour=_colour(shown),
        pixels=int.from_bytes(pixel_digest(image, 8), "big"),
        look=perceptual_hash(shown),
    )


def _quantile(histogram: np.ndarray, share: float) -> float:
    """The lowest value up to which `share` of the pixels lie."""
    return float(np.searchsorted(histogram.cumsum(), share * histogram.sum()))


def _colour(image: Image.Image) -> float:
    found = []
    for plane in image.convert("YCbCr").split()[1:]:
        counts = np.array(plane.histogram())
        found.append(_quantile(np.bincount(np.abs(np.arange(256) - 128), counts), 0.995))
    return max(found)


def _sharpness(luminance: np.ndarray) -> float | None:
    found = [_sharpness_along(pixels) for pixels in (luminance, luminance.T)]
    return min((value for value in found if value is not None), default=None)


def _sharpness_along(pixels: np.ndarray) -> float | None:
    """Along rows of uint8 (h, w)."""
    height, runs = pixels.shape[0], (pixels.shape[1] - 1) // RUN
    row = pixels[:, : runs * RUN + 1].astype(np.int16)
    steps = np.abs(np.diff(row, axis=1)).reshape(height, runs, RUN)
    contrast = _ranges(row[:, :-1], runs, RUN)
    edges = contrast >= CONTRAST
    if edges.sum() < FEWEST_RUNS:
        return None
    return float(np.percentile(steps.max(2)[edges] / contrast[edges], SHARPEST))


def _ranges(pixels: np.ndarray, runs: int, length: int) -> np.ndarray:
    """(h, runs): the difference between the lightest and the darkest pixel of each run of rows (h, w)."""
    cut = pixels[:, : runs * length].reshape(len(pixels), runs, length)
    return cut.max(2) - cut.min(2) if runs else np.zeros((len(pixels), 0), pixels.dtype)


def _noise(luminance: np.ndarray) -> float:
    deviations, means = _block_noise(luminance)
    calmest = []
    for tone in TONES:
        inside = (means >= tone) & (means < tone + TONE)
        if inside.any() and inside.mean() >= SHARE_OF_TONE:
            calmest.append(np.percentile(deviations[inside], 10))
    return float(np.median(calmest)) if calmest else 0.0


def _colour_noise(image: Image.Image) -> float:
    """Textures are of one colour, noise is not; at half size JPEG's 4:2:0 has left some of it."""
    if min(image.size) < 4 * BLOCK:
        return 0.0
    planes = image.reduce(2).convert("YCbCr").split()[1:]
    return min(float(np.percentile(_block_noise(np.asarray(plane))[0], 25)) for plane in planes)


def _block_noise(plane: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(standard deviation of the noise, mean) of each block of a plane (h, w), each (M,).

    The mask leaves planes and edges along an axis out (Immerkaer 1996, "Fast noise variance estimation").
    """
    values = plane.astype(np.float32)
    across = values[:, :-2] - 2 * values[:, 1:-1] + values[:, 2:]
    response = (across[:-2] - 2 * across[1:-1] + across[2:]) / 6
    rows, columns = max(0, response.shape[0]) // BLOCK, max(0, response.shape[1]) // BLOCK
    shape = (rows, BLOCK, columns, BLOCK)
    squares = (response[: rows * BLOCK, : columns * BLOCK] ** 2).reshape(shape).mean((1, 3))
    inner = values[1 : rows * BLOCK + 1, 1 : columns * BLOCK + 1]
    return np.sqrt(squares).ravel(), inner.reshape(shape).mean((1, 3)).ravel()


def _content(grey: Image.Image) -> float:
    coarse = np.asarray(grey.reduce(COARSE)).astype(np.int16)
    found = [
        _ranges(pixels, max(1, pixels.shape[1] // COARSE_RUN), min(COARSE_RUN, pixels.shape[1])).ravel()
        for pixels in (coarse, coarse.T)
    ]
    return float(np.percentile(np.concatenate(found), 99))
