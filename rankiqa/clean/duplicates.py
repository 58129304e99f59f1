"""Groups of images that are equal or look alike, and the better one of each."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rankiqa.look_alikes import group_hashes

# Of 64 bits. Among 120,000 pairs of photographs of different scenes none differs in fewer than 14; resized,
# compressed, darker, grey and noisy copies differ in at most 4, nine in ten cut-outs without 2% of each side
# in at most 6 (docs/clean.md).
MAX_DISTANCE = 6
# Of the spread of the model's scores. Copies of one image that are as near as this count as equally good, and
# the one of most pixels is the better: a reduced copy may score a little higher, and holds less.
TOLERANCE = 0.1


@dataclass(frozen=True)
class Duplicates:
    """For each of N images, by its place.

    Attributes:
        group: int64 (N,), counted from 1 in the order of the images; 0 for one that is alone.
        better: int64 (N,), the place of the best image of its group, which for one that is alone is its own.
        names: "exact_duplicate" or "near_duplicate" of each image that could go, else "".
    """

    group: np.ndarray
    better: np.ndarray
    names: np.ndarray


def find_duplicates(numbers: Mapping[str, np.ndarray], spread: float) -> Duplicates:
    """Group N images.

    Args:
        numbers: arrays (N,): bool `is_read` and `is_flat` (whose look says nothing), uint64 `pixels` and
            `look`, float `score` (NaN: none), `width` and `height`, int64 `length` of the path.
        spread: of the model's scores, see `rankiqa.clean.findings.spread_of`.
    """
    count = len(numbers["pixels"])
    own = np.arange(count)
    first = own.copy()  # the first image with the same pixels
    read = np.flatnonzero(numbers["is_read"])
    _, places, inverse = np.unique(numbers["pixels"][read], return_index=True, return_inverse=True)
    first[read] = read[places][inverse.ravel()]
    distinct = np.flatnonzero((first == own) & numbers["is_read"] & ~numbers["is_flat"])
    head = own.copy()  # the first image of the group
    head[distinct] = distinct[group_hashes(numbers["look"][distinct], MAX_DISTANCE)]
    head = head[first]
    better = _better(head, numbers, TOLERANCE * spread)
    sizes = np.bincount(head, minlength=count)
    heads = np.flatnonzero(sizes > 1)
    group = np.zeros(count, np.int64)
    group[heads] = np.arange(1, len(heads) + 1)
    # of equal images one is kept as the version that they are: the better one of the group, else the first
    kept = first.copy()
    kept[first[better]] = better
    kept = kept[first]
    names = np.where(better == own, "", np.where(kept == own, "near_duplicate", "exact_duplicate"))
    return Duplicates(group[head], better, names)


def _better(head: np.ndarray, numbers: Mapping[str, np.ndarray], tolerance: float) -> np.ndarray:
    score = np.where(np.isfinite(numbers["score"]), numbers["score"], -np.inf)
    best = np.full(len(head), -np.inf)
    np.maximum.at(best, head, score)
    pixels = np.nan_to_num(numbers["width"] * numbers["height"])
    pixels = np.where(score >= best[head] - tolerance, pixels, -1.0)
    # per group: most pixels, then the highest score, then the shortest name (that of "a copy.jpg" is longer)
    order = np.lexsort((-np.arange(len(head)), -numbers["length"], score, pixels, head))
    last = np.append(head[order][1:] != head[order][:-1], True) if len(head) else np.empty(0, bool)
    better = np.empty(len(head), np.int64)
    better[head[order][last]] = order[last]
    return better[head]
