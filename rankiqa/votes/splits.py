"""Splits of labelled images, by name: whoever knows the name knows the split, before and after the votes."""

import hashlib
from collections.abc import Sequence

import numpy as np

SHARES = (0.7, 0.15, 0.15)  # of images and of clicks, to train, to validate and to test
# Fewer leave so few for a test that nothing is learned from it: of 60 images, nine; of 40, six with 15 pairs.
FEWEST = 60


def place_of(name: str, seed: int = 0) -> bytes:
    """The 32 bytes of a SHA-256 by which a scene is drawn: uniform, the same on all machines."""
    return hashlib.sha256(f"{seed}\0{name}".encode("utf-8", "surrogateescape")).digest()


def split_of(name: str, shares: Sequence[float] = SHARES, seed: int = 0) -> int:
    """Number of the split of a scene, an index of `shares`; other scenes have no say in it.

    So images may be added, and votes given, and none changes its split. The counts follow the shares by
    chance alone: +-sqrt(n p (1 - p)).

    Args:
        name: of the scene; of an image that is a scene of its own, its path as votes.csv spells it.
        shares: not negative, at least one of them positive; a split of share 0 gets none.
        seed: of the draw.
    """
    drawn = int.from_bytes(place_of(name, seed)[:8], "big") / 2**64
    ends = np.cumsum(shares) / np.sum(shares)
    return min(int(np.searchsorted(ends, drawn, side="right")), int(np.flatnonzero(shares)[-1]))


def parts_of(names: Sequence[str]) -> np.ndarray | None:
    """(n,) `split_of` each; None for fewer than FEWEST, of which all pairs may be asked."""
    return np.array([split_of(name) for name in names]) if len(names) >= FEWEST else None
