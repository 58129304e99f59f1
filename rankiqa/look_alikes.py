"""Images that are equal or look alike: one rule for checks, for splits of training data and for cleaning."""

import hashlib
from collections.abc import Iterator
from functools import cache

import numpy as np
from PIL import Image

# Of 64 bits. Unrelated photographs differ in about 32, re-encoded or resized copies in a few.
MAX_DISTANCE = 8
BITS = 64
SIDE, KEPT = 32, 8  # pixels of the reduced image, and the frequencies of it that are kept, each way
PAIRS = 1 << 20  # candidates that are compared at once


def pixel_digest(image: Image.Image, size: int = 16) -> bytes:
    """Digest of `size` bytes: files agree when their pixels do, whatever their format and metadata."""
    digest = hashlib.blake2b(repr(image.size).encode(), digest_size=size)
    digest.update(image.tobytes())
    return digest.digest()


def perceptual_hash(image: Image.Image) -> int:
    """The DCT hash of the luminance, as 64 bits of which the first coefficient is the highest.

    It is that of `imagehash.phash`: the image is reduced to 32 x 32, and the lowest 8 x 8 coefficients of its
    DCT-II are compared with their median. Scale, compression and mild blur leave nearly all bits as they are.
    """
    pixels = np.asarray(image.convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS), np.float64)
    low = _cosines() @ pixels @ _cosines().T
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")


@cache
def _cosines() -> np.ndarray:
    """float64 (KEPT, SIDE): the first rows of the unnormalised DCT-II, as `scipy.fftpack.dct` has it."""
    frequency, place = np.arange(KEPT)[:, None], np.arange(SIDE)[None]
    return 2 * np.cos(np.pi * frequency * (2 * place + 1) / (2 * SIDE))


def group_hashes(hashes: np.ndarray, most: int = MAX_DISTANCE) -> np.ndarray:
    """Groups of look-alikes: int64 (N,), for each hash the place of the first one of its group.

    Two hashes are alike when they differ in at most `most` bits; likeness is carried on from one to the next.
    Equal hashes are compared once, and the others only where one of `most` + 1 pieces of them is equal, as
    in one of them it must be (Manku et al. 2007, "Detecting near-duplicates for web crawling", section 3).

    Args:
        hashes: uint64 (N,).
        most: bits.
    """
    if not len(hashes):
        return np.empty(0, np.int64)
    distinct, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    parent = np.arange(len(distinct))
    for left, right in _candidates(distinct, most):
        near = _distances(distinct[left], distinct[right]) <= most
        _join(parent, left[near], right[near])
    roots = _roots(parent, np.arange(len(distinct)))
    earliest = np.full(len(distinct), len(hashes))
    np.minimum.at(earliest, roots, first)
    return earliest[roots][inverse.ravel()]


def _candidates(hashes: np.ndarray, most: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of places whose hashes have an equal piece, each at least once; about PAIRS at a time."""
    cuts = np.linspace(0, BITS, most + 2).astype(int)
    for low, high in zip(cuts, cuts[1:], strict=False):
        pieces = (hashes >> np.uint64(low)) & np.uint64((1 << int(high - low)) - 1)
        order = np.argsort(pieces, kind="stable")
        ordered = pieces[order]
        # how many of those that follow have the same piece
        after = np.searchsorted(ordered, ordered, side="right") - np.arange(len(ordered)) - 1
        ends = np.cumsum(after)
        start = 0
        while start < len(ordered):
            done = ends[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, done + PAIRS, side="right")))
            counts = after[start:stop]
            left = np.repeat(np.arange(start, stop), counts)
            steps = np.arange(len(left)) - np.repeat(np.cumsum(counts) - counts, counts)
            yield order[left], order[left + steps + 1]
            start = stop


@cache
def _bit_counts() -> np.ndarray:
    """uint8 (65536,): how many bits are set."""
    return np.unpackbits(np.arange(1 << 16, dtype=np.uint16).view(np.uint8).reshape(-1, 2), axis=1).sum(
        1, dtype=np.uint8
    )


def _distances(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    different = np.bitwise_xor(left, right).view(np.uint16).reshape(-1, BITS // 16)
    return _bit_counts()[different].sum(1, dtype=np.uint8)


def _roots(parent: np.ndarray, places: np.ndarray) -> np.ndarray:
    found = parent[places]
    while True:
        above = parent[found]
        if np.array_equal(above, found):
            return found
        found = above


def _join(parent: np.ndarray, left: np.ndarray, right: np.ndarray) -> None:
    """Unite the trees of `left` and `right`, of which the lower root stays one."""
    while len(left):
        one, other = _roots(parent, left), _roots(parent, right)
        apart = one != other
        left, right, one, other = left[apart], right[apart], one[apart], other[apart]
        parent[np.maximum(one, other)] = np.minimum(one, other)
