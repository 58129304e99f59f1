"""Groups of label rows that share images, so that a batch decodes and forwards each of its images once."""

import numpy as np

_PASSES = 8


def scenes_of(images: np.ndarray, count: int) -> np.ndarray:
    """For each of `count` images the number of its scene: the images that rows tie together, directly or not.

    Args:
        images: (R, 2) or (R, 1) image indices of the rows.
    """
    if images.shape[1] == 1:
        return np.arange(count)
    return _components(images, count)


def row_groups(images: np.ndarray, count: int, limit: int) -> np.ndarray:
    """(R,) group numbers; the rows of a group share images, and no group has more than `limit` rows.

    Rows that hang together are one group. Where that is more than `limit` rows, the image with most rows (the
    reference of a scene, as a rule) is taken out of the graph, its rows go with their other image, and what
    falls apart is looked at again: a scene becomes one group a distortion type. What is still too large is
    cut in the order of its images. The limit is what keeps a batch diverse.

    Args:
        images: (R, 2) or (R, 1) image indices of the rows.
        count: number of images.
        limit: rows per group, at least 1.
    """
    rows = len(images)
    if images.shape[1] == 1 or limit <= 1:
        return np.arange(rows)
    kept = np.ones(count, dtype=bool)
    for _ in range(_PASSES):
        group = _assign(images, count, kept)
        sizes = np.bincount(group)
        if sizes.max() <= limit:
            break
        large = np.flatnonzero(sizes[group] > limit)
        kept[_hubs(images[large], group[large], kept, count)] = False
    return _cut(images, _assign(images, count, kept), limit)


def _components(edges: np.ndarray, count: int) -> np.ndarray:
    from scipy.sparse import coo_matrix  # of rank alone, and its import takes half a second
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(edges), np.int8), (edges[:, 0], edges[:, 1])), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def _assign(images: np.ndarray, count: int, kept: np.ndarray) -> np.ndarray:
    """Group of each row in the graph of the kept images; a row with one kept image goes with that one."""
    inside = kept[images].all(axis=1)
    label = _components(images[inside], count)
    first = np.where(kept[images[:, 0]], images[:, 0], images[:, 1])
    named = np.zeros(count, dtype=bool)
    named[label[first]] = True
    return (np.cumsum(named) - 1)[label[first]]


def _hubs(images: np.ndarray, group: np.ndarray, kept: np.ndarray, count: int) -> np.ndarray:
    """The kept image with most rows in each group; all rows of a kept image are in one group."""
    degree = np.bincount(images.ravel(), minlength=count)
    owner = np.empty(count, dtype=group.dtype)
    owner[images] = group[:, None]
    named = np.flatnonzero(kept & (degree > 0))
    order = np.lexsort((named, -degree[named], owner[named]))
    _, first = np.unique(owner[named][order], return_index=True)
    return named[order][first]


def _cut(images: np.ndarray, group: np.ndarray, limit: int) -> np.ndarray:
    order = np.lexsort((images[:, 1], images[:, 0], group))
    ordered = group[order]
    starts = np.r_[0, np.flatnonzero(np.diff(ordered)) + 1]
    position = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
    pieces = np.empty(len(order), dtype=np.int64)
    pieces[order] = np.cumsum(position % limit == 0) - 1
    return pieces
