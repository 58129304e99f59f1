"""JPEG as newer encoders write it: other tables, and small coefficients left out."""

from functools import cache

import numpy as np

from distortions.linear_light import as_source
from distortions.registry import register, to_uint8

MOZJPEG = (60.0, 35.0, 20.0, 10.0, 5.0)  # libjpeg's quality
JPEGLI = (2.5, 5.0, 9.0, 15.0, 25.0)  # jpegli's distance
# AC coefficients of fewer steps become 0; fitted to what the encoders write (mozjpeg 4.0.3, jpegli of 2025)
MOZJPEG_DEAD_ZONE, JPEGLI_DEAD_ZONE = 0.64, 0.9

# The table that N. Robidoux made for ImageMagick, mozjpeg's default for luminance and colours at quality 50
ROBIDOUX = np.array([
    [16, 16, 16, 18, 25, 37, 56, 85], [16, 17, 20, 27, 34, 40, 53, 75],
    [16, 20, 24, 31, 43, 62, 91, 135], [18, 27, 31, 40, 53, 74, 106, 156],
    [25, 34, 43, 53, 69, 94, 131, 189], [37, 40, 62, 74, 94, 124, 169, 238],
    [56, 53, 91, 106, 131, 169, 226, 311], [85, 75, 135, 156, 189, 238, 311, 418],
])  # fmt: skip

# Steps of luminance and colours at distance 1 and 4:2:0, found from the tables that jpegli writes
JPEGLI_STEPS = np.array([
    [[2.63, 3.65, 6.20, 5.97, 7.09, 7.35, 8.15, 8.21], [3.65, 4.44, 6.04, 5.74, 7.30, 6.72, 8.54, 8.57],
     [6.20, 6.04, 6.28, 7.19, 7.68, 8.29, 7.98, 9.00], [5.97, 5.74, 7.19, 7.17, 8.85, 10.20, 10.15, 9.78],
     [7.09, 7.30, 7.68, 8.85, 9.72, 10.45, 11.83, 11.64],
     [7.35, 6.72, 8.29, 10.20, 10.45, 11.54, 10.81, 12.92],
     [8.15, 8.54, 7.98, 10.15, 11.83, 10.81, 11.54, 11.47],
     [8.21, 8.57, 9.00, 9.78, 11.64, 12.92, 11.47, 9.29]],
    [[2.54, 3.07, 5.43, 4.66, 5.70, 5.27, 6.27, 6.75], [3.07, 4.16, 5.20, 4.25, 5.23, 4.64, 5.89, 6.13],
     [5.43, 5.20, 5.25, 4.76, 5.09, 5.48, 5.64, 6.42], [4.66, 4.25, 4.76, 4.49, 5.76, 5.76, 6.30, 6.82],
     [5.70, 5.23, 5.09, 5.76, 4.47, 6.84, 5.21, 6.55], [5.27, 4.64, 5.48, 5.76, 6.84, 5.87, 6.75, 9.90],
     [6.27, 5.89, 5.64, 6.30, 5.21, 6.75, 10.70, 9.78], [6.75, 6.13, 6.42, 6.82, 6.55, 9.90, 9.78, 82.10]],
])  # fmt: skip
# Above a distance of 1.5 the steps grow with its power; 1 where nothing stands
JPEGLI_POWERS = {(0, 1): 0.51, (0, 2): 0.67, (0, 3): 0.74, (1, 1): 0.66, (1, 2): 0.69, (1, 3): 0.87,
                 (2, 2): 0.84, (2, 3): 0.83, (2, 4): 0.96, (3, 5): 0.91, (3, 6): 0.91}  # fmt: skip


@register("mozjpeg", "MOZJPEG", MOZJPEG)
def mozjpeg(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """JPEG 4:2:0 with mozjpeg's table at the quality `strength`, small coefficients left out.

    mozjpeg (Mozilla, version 4) weighs each coefficient's bits against its error (trellis quantisation),
    which for most is a wider dead zone.
    """
    tables = np.stack([mozjpeg_table(strength)] * 2)
    return as_source(image, coded(image, tables, MOZJPEG_DEAD_ZONE))


@register("jpegli", "JPEGLI", JPEGLI)
def jpegli(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """JPEG 4:2:0 with jpegli's tables at the distance `strength`, small coefficients left out.

    jpegli (Google 2024) has fine steps and leaves out more coefficients where the eye sees less; one dead
    zone stands for its adaptive one.
    """
    return as_source(image, coded(image, jpegli_tables(strength), JPEGLI_DEAD_ZONE))


def mozjpeg_table(quality: float) -> np.ndarray:
    """Quantisation steps (8, 8) at a quality of 1 to 100, scaled as libjpeg does."""
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    return np.clip(np.floor((ROBIDOUX * scale + 50) / 100), 1, 255)


def jpegli_tables(distance: float) -> np.ndarray:
    """Quantisation steps (2, 8, 8) of luminance and colours at a butteraugli distance of 0.1 to 25."""
    powers = np.ones((8, 8))
    for (row, column), power in JPEGLI_POWERS.items():
        powers[row, column] = powers[column, row] = power
    start = 1.5
    scale = (
        np.maximum(distance / 2, start ** (1 - powers) * distance**powers) if distance > start else distance
    )
    return np.clip(np.rint(JPEGLI_STEPS * scale), 1, 255)


def coded(image: np.ndarray, tables: np.ndarray, dead_zone: float) -> np.ndarray:
    """`image` uint8 (H, W, 3) after JPEG 4:2:0, without the lossless part, as uint8.

    Args:
        tables: quantisation steps (2, 8, 8) of luminance and of the colours.
        dead_zone: an AC coefficient of fewer steps than this becomes 0; all others are rounded.
    """
    import cv2

    height, width = image.shape[:2]
    padded = cv2.copyMakeBorder(image, 0, -height % 16, 0, -width % 16, cv2.BORDER_REPLICATE)
    ycc = cv2.cvtColor(padded.astype(np.float32), cv2.COLOR_RGB2YCrCb)
    half = (padded.shape[1] // 2, padded.shape[0] // 2)
    ycc[..., 0] = _quantized(ycc[..., 0] - 128, tables[0], dead_zone) + 128
    colours = cv2.resize(ycc[..., 1:], half, interpolation=cv2.INTER_AREA)
    for channel in range(2):
        plane = _quantized(colours[..., channel] - 0.5, tables[1], dead_zone) + np.float32(0.5)
        ycc[..., 1 + channel] = cv2.resize(plane, padded.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return to_uint8(cv2.cvtColor(ycc, cv2.COLOR_YCrCb2RGB))[:height, :width]


def _quantized(plane: np.ndarray, steps: np.ndarray, dead_zone: float) -> np.ndarray:
    height, width = plane.shape
    cosine = _cosine()
    across = plane.reshape(height, width // 8, 8) @ cosine.T
    scaled = cosine @ across.reshape(height // 8, 8, width)
    wide = np.tile(steps, width // 8).astype(np.float32)
    scaled /= wide
    kept = np.rint(scaled)
    small = np.abs(scaled) < dead_zone
    small[:, 0, ::8] = False  # the mean of a block is never left out
    kept[small] = 0
    down = cosine.T @ (kept * wide)
    return (down.reshape(height, width // 8, 8) @ cosine).reshape(height, width)


@cache
def _cosine() -> np.ndarray:
    """The orthonormal DCT-II (8, 8), a row for each frequency."""
    at = np.arange(8)
    waves = np.cos(np.pi / 8 * np.outer(at, at + 0.5)) / 2
    waves[0] /= np.sqrt(2)
    return waves.astype(np.float32)
