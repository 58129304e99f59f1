"""Faults in places: pieces moved, blocks painted over.

The faults of a level stand in all stronger ones too: they are drawn for the image.
"""

import numpy as np

from distortions.registry import register, steady_generator, to_uint8

PATCH_COUNTS = (20.0, 40.0, 80.0, 160.0, 320.0)
BLOCK_COUNTS = (2.0, 4.0, 8.0, 16.0, 32.0)
PATCH_SIDE = 15
AREA = 512 * 384  # the pixels of a TID2013 image, which the counts belong to


@register("eccentricity", "ECCENTRICITY", PATCH_COUNTS)
def non_eccentricity(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """`strength` patches of 15 x 15 pixels replaced by others from up to 15 pixels away.

    TID2013 type 14 (Ponomarenko et al. 2015) and KADID-10k type 20 (Lin, Hosu and Saupe 2019; 20 to 100
    patches). The count is for 512 x 384 pixels and follows the area.
    """
    height, width = image.shape[:2]
    side = min(PATCH_SIDE, height // 2, width // 2)
    changed, rng = image.copy(), steady_generator(image)
    for _ in range(_count(strength, image)):
        top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
        down, right = _moved(rng, top, height - side), _moved(rng, left, width - side)
        changed[top : top + side, left : left + side] = image[down : down + side, right : right + side]
    return changed


@register("blocks", "BLOCKS", BLOCK_COUNTS)
def local_blocks(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """`strength` squares of 32 x 32 pixels shifted by a random 20 to 60 grey levels up or down.

    TID2013 type 15 (Ponomarenko et al. 2015) paints fewer blocks the stronger they differ, which makes its
    order debatable; here the count alone grows, for 512 x 384 pixels and with the area.
    """
    changed, rng = image.astype(np.float32), steady_generator(image)
    for top, left, side in _squares(image, strength, rng):
        shift = rng.uniform(20, 60) * rng.choice((-1, 1))
        changed[top : top + side, left : left + side] += shift
    return to_uint8(changed)


@register("colour_blocks", "COLOUR_BLOCKS", BLOCK_COUNTS)
def colour_blocks(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """`strength` squares of 32 x 32 pixels in one random colour each.

    KADID-10k type 23 (Lin, Hosu and Saupe 2019; 2 to 10 blocks), with doubling counts for 512 x 384 pixels.
    """
    changed, rng = image.copy(), steady_generator(image)
    for top, left, side in _squares(image, strength, rng):
        changed[top : top + side, left : left + side] = rng.integers(0, 256, 3)
    return changed


def _count(count: float, image: np.ndarray) -> int:
    return max(1, round(count * image.shape[0] * image.shape[1] / AREA))


def _moved(rng: np.random.Generator, start: int, last: int) -> int:
    return int(np.clip(start + rng.integers(5, PATCH_SIDE + 1) * rng.choice((-1, 1)), 0, last))


def _squares(image: np.ndarray, count: float, rng: np.random.Generator) -> list[tuple[int, int, int]]:
    """(top, left, side) of squares on a grid, so that none hides another; smaller in small images."""
    height, width = image.shape[:2]
    # at level 5 of a tiny image there must still be room for every square
    side = max(2, round(32 * min(1.0, np.sqrt(height * width / AREA))))
    places = [(y, x) for y in range(0, height - side + 1, side) for x in range(0, width - side + 1, side)]
    scaled = round(count * max(1.0, height * width / AREA))
    chosen = rng.permutation(len(places))[: min(scaled, len(places))]
    return [(*places[i], side) for i in chosen]
