"""Compressed pictures that lost bits on their way.

Where they are lost is drawn for the picture: a stronger level has the errors of the weaker ones, and more.
"""

import io

import numpy as np
from PIL import Image

from distortions.registry import register, steady_generator

# Exponents e of the bit error rate 10^e.
JPEG_RATES = (-4.9, -4.4, -3.9, -3.4, -2.9)
JP2K_RATES = (-4.0, -3.6, -3.2, -2.8, -2.4)
TILE = 64
ATTEMPTS = 24


@register("jpeg_errors", "JPEG_ERRORS", JPEG_RATES)
def jpeg_transmission_errors(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """JPEG of quality 75 with a restart marker every 4 blocks and bits flipped at a rate of 10^strength.

    TID2013 type 12 (Ponomarenko et al. 2015).
    """
    with io.BytesIO() as file:
        Image.fromarray(image).save(file, "JPEG", quality=75, subsampling="4:2:0", restart_marker_blocks=4)
        stream = np.frombuffer(file.getvalue(), np.uint8).copy()
    return _received(image, stream, _jpeg_payload(stream), strength)


@register("fastfading", "FASTFADING", JP2K_RATES)
def fast_fading(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """JPEG 2000 at 2.5 bits a pixel in tiles of 64 pixels, bits flipped at a rate of 10^strength.

    LIVE release 2 (Sheikh, Sabir and Bovik 2006) sends such a stream through a Rayleigh fading channel with
    receiver SNRs of 15.5 to 26.1 dB. Bits are flipped in bursts of up to 3 here, as fades do; tiles keep a
    burst local, as the error resilience tools of Kakadu do there. Also TID2013 type 13.
    """
    ratio = 24 / 2.5
    with io.BytesIO() as file:
        options = {"quality_mode": "rates", "quality_layers": [ratio], "irreversible": True}
        Image.fromarray(image).save(file, "JPEG2000", no_jp2=True, tile_size=(TILE, TILE), **options)
        stream = np.frombuffer(file.getvalue(), np.uint8).copy()
    return _received(image, stream, _jp2k_payload(stream), strength, burst=3)


def _received(
    image: np.ndarray,
    stream: np.ndarray,
    payload: np.ndarray,
    exponent: float,
    burst: int = 1,
) -> np.ndarray:
    """The picture decoded from `stream` after errors in the bytes `payload`; one error at least."""
    rng = steady_generator(image)
    flips = max(1, round(8 * payload.size * 10.0**exponent / burst))
    for attempt in range(ATTEMPTS):
        # a decoder may refuse a stream altogether: then other bits are hit, in the end fewer
        count = max(1, flips >> max(0, attempt - ATTEMPTS // 2))
        damaged = _damaged(stream, payload, count, burst, rng.spawn(1)[0])
        decoded = _decoded(damaged, image.shape)
        if decoded is not None and not np.array_equal(decoded, image):
            return decoded
    decoded = _decoded(stream, image.shape)
    return image.copy() if decoded is None else decoded


def _damaged(
    stream: np.ndarray, payload: np.ndarray, count: int, burst: int, rng: np.random.Generator
) -> np.ndarray:
    damaged = stream.copy()
    # a row an error, so that more errors begin with the same ones
    places, widths, shifts = rng.random((count, 3)).T
    at = payload[(places * payload.size).astype(np.int64)]
    masks = ((1 << (1 + (widths * burst).astype(np.int64))) - 1) << (8 * shifts).astype(np.int64)
    values = damaged[at] ^ (masks & 255).astype(np.uint8)
    # 255 begins a marker in both formats; a byte before or after one is no payload, and none may be made
    damaged[at] = np.where(values == 255, 254, values)
    return damaged


def _decoded(stream: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    try:
        with Image.open(io.BytesIO(stream.tobytes())) as picture:
            decoded = np.asarray(picture.convert("RGB"))
    except (OSError, SyntaxError, ValueError):
        return None
    return decoded if decoded.shape == shape else None


def _jpeg_payload(stream: np.ndarray) -> np.ndarray:
    """Positions of entropy-coded bytes, those next to a marker left out."""
    start = int(np.flatnonzero((stream[:-1] == 0xFF) & (stream[1:] == 0xDA))[-1])
    start += 2 + int(stream[start + 2]) * 256 + int(stream[start + 3])
    return _far_from_markers(stream, np.arange(start, stream.size - 2))


def _jp2k_payload(stream: np.ndarray) -> np.ndarray:
    """Positions of packet bytes, the tile parts' headers and first bytes left out."""
    at, parts = _first_tile(stream), []
    while at + 12 < stream.size and stream[at] == 0xFF and stream[at + 1] == 0x90:
        length = int.from_bytes(stream[at + 6 : at + 10].tobytes(), "big")
        parts.append(np.arange(at + 14 + length // 3, at + length))
        at += length
    return _far_from_markers(stream, np.concatenate(parts))


def _first_tile(stream: np.ndarray) -> int:
    at = 2
    while stream[at + 1] != 0x90:
        at += 2 + int(stream[at + 2]) * 256 + int(stream[at + 3])
    return at


def _far_from_markers(stream: np.ndarray, at: np.ndarray) -> np.ndarray:
    marks = stream == 0xFF
    near = marks.copy()
    near[1:] |= marks[:-1]
    near[2:] |= marks[:-2]
    near[:-1] |= marks[1:]
    kept = at[~near[at]]
    return kept if kept.size else at
