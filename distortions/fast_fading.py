"""JPEG 2000 sent through a channel that fades."""

import io
import math

import numpy as np
from PIL import Image

from distortions.bit_errors import decoded, far_from_markers, flipped
from distortions.registry import register, steady_generator

SHARES = (0.06, 0.16, 0.32, 0.56, 0.88)
RATIO = 24 / 2.5  # 2.5 bits a pixel
TILES = 64  # about so many in a picture
BYTES_AN_ERROR = 80
ATTEMPTS = 8


@register("fastfading", "FASTFADING", SHARES)
def fast_fading(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """JPEG 2000 at 2.5 bits a pixel, with bursts of bit errors in the share `strength` of its tiles.

    LIVE release 2 (Sheikh, Sabir and Bovik 2006) sends such a stream through a Rayleigh fading channel with
    receiver SNRs of 15.5 to 26.1 dB: the worse the receiver, the more of the stream falls into a fade. Tiles
    keep a fade local, as the error resilience tools of Kakadu do there, and are decoded independently: what
    fades at one level fades in the same way at every stronger one. Also TID2013 type 13.
    """
    side = min(max(16, round(math.sqrt(image.shape[0] * image.shape[1] / TILES))), min(image.shape[:2]))
    with io.BytesIO() as file:
        options = {"quality_mode": "rates", "quality_layers": [RATIO], "irreversible": True}
        Image.fromarray(image).save(file, "JPEG2000", no_jp2=True, tile_size=(side, side), **options)
        stream = np.frombuffer(file.getvalue(), np.uint8).copy()
    clean = decoded(stream, image.shape)
    assert clean is not None, "what Pillow wrote it can read"
    generator = steady_generator(image)
    faded = _all_faded(stream, image.shape, generator)
    harmed = _harmed_tiles(image, clean, faded, side)
    count = max(1, round(strength * len(harmed)))
    received = clean.copy()
    for rows, columns in (harmed[i] for i in generator.permutation(len(harmed))[:count]):
        received[rows, columns] = faded[rows, columns]
    return received


def _all_faded(stream: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """The picture decoded after errors in every tile."""
    tiles = _tile_payloads(stream)
    for attempt in range(ATTEMPTS):
        damaged = stream.copy()
        for tile in tiles:
            # a decoder may refuse a stream altogether: then other bits are hit, and fewer
            count = max(1, tile.size // (BYTES_AN_ERROR << attempt // 2))
            damaged[tile] = flipped(stream[tile], count, 3, rng)
        picture = decoded(damaged, shape)
        if picture is not None:
            return picture
    return np.full(shape, 128, np.uint8)


def _harmed_tiles(
    image: np.ndarray, clean: np.ndarray, faded: np.ndarray, side: int
) -> list[tuple[slice, slice]]:
    tiles = [
        (slice(top, top + side), slice(left, left + side))
        for top in range(0, image.shape[0], side)
        for left in range(0, image.shape[1], side)
    ]
    return [tile for tile in tiles if _loss(image[tile], faded[tile]) > _loss(image[tile], clean[tile])]


def _loss(image: np.ndarray, other: np.ndarray) -> float:
    return float(np.square(image.astype(np.int32) - other).sum())


def _tile_payloads(stream: np.ndarray) -> list[np.ndarray]:
    """Positions of each tile's packet bytes, the tile part's header and first sixth left out."""
    at, parts = _first_tile(stream), []
    while at + 12 < stream.size and stream[at] == 0xFF and stream[at + 1] == 0x90:
        length = int.from_bytes(stream[at + 6 : at + 10].tobytes(), "big")
        parts.append(far_from_markers(stream, np.arange(at + 14 + length // 6, at + length)))
        at += length
    return parts


def _first_tile(stream: np.ndarray) -> int:
    at = 2
    while stream[at + 1] != 0x90:
        at += 2 + int(stream[at + 2]) * 256 + int(stream[at + 3])
    return at
