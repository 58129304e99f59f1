"""What the families of damaged streams share."""

import io

import numpy as np
from PIL import Image


def flipped(values: np.ndarray, count: int, burst: int, rng: np.random.Generator) -> np.ndarray:
    """A copy of the bytes `values` with `count` bursts of 1 to `burst` flipped bits at drawn places.

    A row is drawn for a burst, so that of two counts the larger one begins with the bursts of the smaller.
    No byte becomes 255, which begins a marker in JPEG and in JPEG 2000.
    """
    places, widths, shifts = rng.random((count, 3)).T
    at = (places * values.size).astype(np.int64)
    masks = ((1 << (1 + (widths * burst).astype(np.int64))) - 1) << (8 * shifts).astype(np.int64)
    hit = values[at] ^ (masks & 255).astype(np.uint8)
    damaged = values.copy()
    damaged[at] = np.where(hit == 255, 254, hit)
    return damaged


def decoded(stream: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """The image uint8 (H, W, 3) in the bytes `stream`; None where the decoder refuses it."""
    try:
        with Image.open(io.BytesIO(stream.tobytes())) as opened:
            image = np.asarray(opened.convert("RGB"))
    except (OSError, SyntaxError, ValueError):
        return None
    return image if image.shape == shape else None


def far_from_markers(stream: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Those positions `at` that are not 255 or next to one; all of them if none is."""
    marks = stream == 0xFF
    near = marks.copy()
    near[1:] |= marks[:-1]
    near[2:] |= marks[:-2]
    near[:-1] |= marks[1:]
    kept = at[~near[at]]
    return kept if kept.size else at
