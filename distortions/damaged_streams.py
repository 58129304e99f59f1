"""JPEG 2000 sent through a channel that fades."""

import io
import math

import numpy as np
from PIL import Image

from distortions.bit_errors import decoded, far_from_markers, flipped
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
