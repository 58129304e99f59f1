"""Damaged streams: JPEG through a channel that flips bits, JPEG 2000 through one that fades."""

import io
import math

import numpy as np
from PIL import Image

from distortions.registry import register, steady_generator

SHARES = (0.06, 0.16, 0.32, 0.56, 0.88)
RATIO = 24 / 2.5  # 2.5 bits per pixel
HEADER_BYTES = 100
TILES = 64  # about so many in an image
BYTES_AN_ERROR = 160
ATTEMPTS = 8
START_OF_DATA = b"\xff\x93"


@register("fastfading", "FASTFADING", SHARES)
def fast_fading(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """JPEG 2000 at 2.5 bits per pixel, with bursts of bit errors in the share `strength` of its tiles.

    LIVE release 2 (Sheikh, Sabir and Bovik 2006) sends such a stream through a Rayleigh fading channel with
    receiver SNRs of 15.5 to 26.1 dB: the worse the receiver, the more of the stream falls into a fade. Each
    tile is a stream of its own, as the error resilience tools of Kakadu keep a fade local there: what fades
    at one level fades in the same way at every stronger one. Also TID2013 type 13.
    """
    side = max(4, round(math.sqrt(image.shape[0] * image.shape[1] / TILES)))
    tops, lefts = (range(0, length, side) for length in image.shape[:2])
    tiles = [(slice(top, top + side), slice(left, left + side)) for top in tops for left in lefts]
    generator = steady_generator(image)
    received = np.empty_like(image)
    streams = []
    for tile in tiles:
        streams.append(_sent(image[tile]))
        received[tile] = _whole(streams[-1], image[tile].shape)
    order, draws = generator.permutation(len(tiles)), generator.spawn(len(tiles))
    wanted = max(1, round(strength * len(tiles)))
    for i in order:
        faded = _faded(image[tiles[i]], received[tiles[i]], streams[i], draws[i])
        if faded is not None:
            received[tiles[i]] = faded
            wanted -= 1
        if not wanted:
            break
    return received


def _sent(tile: np.ndarray) -> np.ndarray:
    ratio = tile.size / (tile.size / RATIO + HEADER_BYTES)
    with io.BytesIO() as file:
        options = {"quality_mode": "rates", "quality_layers": [ratio], "irreversible": True}
        Image.fromarray(tile).save(file, "JPEG2000", no_jp2=True, **options)
        return np.frombuffer(file.getvalue(), np.uint8)


def _whole(stream: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    image = decoded(stream, shape)
    assert image is not None, "what Pillow wrote it can read"
    return image


def _faded(
    tile: np.ndarray, clean: np.ndarray, stream: np.ndarray, rng: np.random.Generator
) -> np.ndarray | None:
    """The tile decoded after bit errors; None where they do it no harm, or the decoder always refuses it."""
    begin = stream.tobytes().index(START_OF_DATA) + 2
    payload = np.arange(begin + (stream.size - begin) // 6, stream.size - 2)
    if not payload.size:
        return None
    payload = far_from_markers(stream, payload)
    for _ in range(ATTEMPTS):
        damaged = stream.copy()
        damaged[payload] = flipped(stream[payload], max(1, payload.size // BYTES_AN_ERROR), 3, rng)
        image = decoded(damaged, tile.shape)
        if image is not None and _loss(tile, image) > _loss(tile, clean):
            return image
    return None


def _loss(image: np.ndarray, other: np.ndarray) -> float:
    return float(np.square(image.astype(np.int32) - other).sum())


RATES = (-4.9, -4.4, -3.9, -3.4, -2.9)  # exponents e of the bit error rate 10^e
JPEG_ATTEMPTS = 24


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
    for attempt in range(JPEG_ATTEMPTS):
        # a decoder may refuse a stream altogether: then other bits are hit, in the end fewer
        count = max(1, flips >> max(0, attempt - JPEG_ATTEMPTS // 2))
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
