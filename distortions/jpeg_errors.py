"""JPEG sent through a channel that flips bits."""

import io

import numpy as np
from PIL import Image

from distortions.bit_errors import decoded, far_from_markers, flipped
from distortions.registry import register, steady_generator

RATES = (-4.9, -4.4, -3.9, -3.4, -2.9)  # exponents e of the bit error rate 10^e
ATTEMPTS = 24


@register("jpeg_errors", "JPEG_ERRORS", RATES)
def jpeg_transmission_errors(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """JPEG of quality 75 with a restart marker every 4 blocks and bits flipped at a rate of 10^strength.

    TID2013 type 12 (Ponomarenko et al. 2015). Where bits flip is drawn for the image: a stronger level has
    the errors of the weaker ones, and more; one error at least.
    """
    with io.BytesIO() as file:
        Image.fromarray(image).save(file, "JPEG", quality=75, subsampling="4:2:0", restart_marker_blocks=4)
        stream = np.frombuffer(file.getvalue(), np.uint8).copy()
    payload = _payload(stream)
    generator = steady_generator(image)
    flips = max(1, round(8 * payload.size * 10.0**strength))
    for attempt in range(ATTEMPTS):
        # a decoder may refuse a stream altogether: then other bits are hit, in the end fewer
        count = max(1, flips >> max(0, attempt - ATTEMPTS // 2))
        damaged = stream.copy()
        damaged[payload] = flipped(stream[payload], count, 1, generator.spawn(1)[0])
        received = decoded(damaged, image.shape)
        if received is not None and not np.array_equal(received, image):
            return received
    received = decoded(stream, image.shape)
    return image.copy() if received is None else received


def _payload(stream: np.ndarray) -> np.ndarray:
    """Positions of entropy-coded bytes, those next to a marker left out."""
    start = int(np.flatnonzero((stream[:-1] == 0xFF) & (stream[1:] == 0xDA))[-1])
    start += 2 + int(stream[start + 2]) * 256 + int(stream[start + 3])
    return far_from_markers(stream, np.arange(start, stream.size - 2))
