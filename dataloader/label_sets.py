"""Several data sets as one: their rows and images one after the other, each set with a number and a name."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from dataloader.labels import Labels
from dataloader.preferences import share_targets
from dataloader.string_table import StringTable


def join(parts: Sequence[Labels], names: Sequence[str]) -> Labels:
    """The labels of several sets of one task; no row, and so no pair, has images of two of them.

    An image that two sets name is an image of each: it may have a rating on the scale of each.

    Args:
        parts: K sets.
        names: of the sets, K different ones.

    Returns:
        Labels whose `parts` have the names. Targets of regress are (R, 2): the MOS on the scale of its set,
        and the number of that set, 0..K-1. Where pairs of one set have shares, those of the others are joined
        to them with the share 1.
    """
    named = [replace(part, set_name=name) for part, name in zip(parts, names, strict=True)]
    learned = named
    if any(part.has_shares for part in named):
        learned = [part if part.has_shares else _with_shares(part) for part in named]
    starts = _starts([len(part.paths) for part in named])
    return Labels(
        task=named[0].task,
        source=named[0].source,
        names=StringTable([*chain.from_iterable(part.names for part in named)]),
        paths=StringTable([*chain.from_iterable(part.paths for part in named)]),
        images=np.concatenate(
            [part.images + start for part, start in zip(named, starts, strict=True)], dtype=np.int32
        ),
        targets=_targets(learned),
        opinions=np.concatenate([part.opinions for part in learned]),
        parts=tuple(named),
    )


def _with_shares(labels: Labels) -> Labels:
    """Pairs (better, worse) as pairs of which all raters prefer the first."""
    said = np.ones((len(labels), 2))
    return replace(labels, targets=share_targets(said), opinions=said)


def _targets(parts: Sequence[Labels]) -> np.ndarray:
    targets = np.concatenate([part.targets for part in parts])
    if parts[0].task != "regress":
        return targets
    numbers = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return np.stack([targets, numbers.astype(np.float32)], axis=1)


def sets_of_rows(labels: Labels) -> np.ndarray:
    """(R,) the number of the set of each row, 0..K-1."""
    return np.repeat(np.arange(len(labels.sets)), [len(part) for part in labels.sets])


def image_places(labels: Labels) -> Iterator[tuple[Labels, slice]]:
    """The labels of each set, and where its images stand among the M images of `labels`."""
    counts = [len(part.paths) for part in labels.sets]
    for part, start, count in zip(labels.sets, _starts(counts), counts, strict=True):
        yield part, slice(start, start + count)


def _starts(counts: Sequence[int]) -> list[int]:
    return [0, *np.cumsum(counts)[:-1].tolist()]
