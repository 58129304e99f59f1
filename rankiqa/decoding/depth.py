"""Samples of more than 8 bits: which value is white, and the 8 bits that follow from it."""

import numpy as np

FLOAT_WHITES = (1.0, 255.0, 65535.0)
INTEGER_WHITES = (65535.0, 2.0**24 - 1)  # what 32-bit integers hold in practice; then the range of their type

FEW = 0.01  # share of the samples above black that no scale has to fit: hot pixels, overshoot, highlights
OVERSHOOT = 1.5  # times white that sharpening and resampling reach
HIGHLIGHTS = (0.1, 16.0)  # floats of linear light: up to this share above 1, by up to this factor


def white_level(values: np.ndarray, whites: tuple[float, ...]) -> float:
    """The value in `values` (any shape, finite) that means white, from the bulk of the samples.

    The first of `whites` that all but `FEW` of the samples above 0 stay below, `OVERSHOOT` included. A white
    of 1 also fits where at most a tenth of the samples is larger than 1 and few are larger than 16. Where no
    white fits, the units are unknown and the largest value counts, or where hot pixels reach far above the
    others, the one that 99 of 100 samples stay below.
    """
    peak = float(values.max(initial=0.0))
    if peak <= whites[0]:
        return whites[0]
    lit = values[values > 0]
    few = max(FEW * lit.size, 1.0 if lit.size >= 10 else 0.0)

    def more_than(limit: float) -> int:
        return int(np.count_nonzero(lit > limit))

    for white in whites:
        if peak <= white or more_than(OVERSHOOT * white) <= few:
            return white
        share, factor = HIGHLIGHTS
        if white == 1 and more_than(1) <= share * lit.size and more_than(factor) <= few:
            return white
    bulk = float(np.quantile(lit, 1 - FEW))
    return peak if peak <= OVERSHOOT * bulk else bulk


def scaled(values: np.ndarray, white: float, top: int = 255) -> np.ndarray:
    """`values` (any shape) scaled so that `white` is `top`, rounded, clipped: uint8, or uint16 above 255."""
    levels = values * (top / white)
    np.clip(np.rint(levels, out=levels), 0, top, out=levels)  # in place: one copy less of a large image
    return levels.astype(np.uint8 if top <= 255 else np.uint16)


def require_finite(values: np.ndarray) -> None:
    """Raise ValueError where a sample is NaN or infinite."""
    if not np.isfinite(values).all():
        raise ValueError("some pixels are NaN or infinite")
