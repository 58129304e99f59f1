"""References that show the same thing: crops, resized copies and re-encodings of one photograph."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from rankiqa.cores import usable_cores
from rankiqa.image import read_rgb

# Of 64 bits. Unrelated photographs differ in about 32, re-encoded or resized copies in a few.
MAX_DISTANCE = 8
BLOCK = 512


def group_look_alikes(paths: Sequence[Path]) -> list[list[Path]]:
    """`paths` in groups that must stay in one split, most of them of one; order as given.

    Two images are alike when the DCT hashes of their luminance (library imagehash) differ in at most
    `MAX_DISTANCE` bits; likeness is carried on from image to image.

    Raises:
        ImageError: an image can't be read.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if len(paths) < 2:
        return [[path] for path in paths]
    with ThreadPoolExecutor(usable_cores()) as pool:
        bits = np.stack(list(pool.map(_hash, paths)))
    rows, columns = [], []
    for start in range(0, len(bits), BLOCK):
        distances = (bits[start : start + BLOCK, None] != bits[None]).sum(-1, dtype=np.int16)
        row, column = np.nonzero(distances <= MAX_DISTANCE)
        rows.append(row + start)
        columns.append(column)
    near = np.concatenate(rows), np.concatenate(columns)
    links = coo_array((np.ones(near[0].size, bool), near), shape=(len(paths), len(paths)))
    _, labels = connected_components(links, directed=False)
    groups: dict[int, list[Path]] = {}
    for path, label in zip(paths, labels.tolist(), strict=True):
        groups.setdefault(label, []).append(path)
    return list(groups.values())


def _hash(path: Path) -> np.ndarray:
    import imagehash

    return imagehash.phash(read_rgb(path)).hash.ravel()
