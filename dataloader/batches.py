"""Which label rows make each training step: deterministic by seed and epoch, each row once per epoch."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dataloader.groups import row_groups

GROUPS_A_BATCH = 4  # at least; fewer would share more images per batch, but let one scene steer a step


class StepRows(NamedTuple):
    """The rows of one step in one process.

    Attributes:
        epoch: decides, with the seed, on the random views.
        rows: (R,) row numbers.
        weight: the share of this process in the mean over the joint batch, times the number of processes.
    """

    epoch: int
    rows: np.ndarray
    weight: float


class RowBatches:
    """Cuts the rows of a label file into steps of `batch_size` rows per process.

    Whole groups of rows that share images are shuffled, laid end to end and cut, so that every step but the
    last has exactly `batch_size` rows in every process. With `together`, a last group of the file that is
    shorter than the others comes last in every epoch, so that no other group is cut. A process that the last
    step leaves without a row gets one with weight 0, because every process must take part in the step.

    Rows of several data sets are mixed: each set is shuffled by itself, and they are dealt out so that every
    step holds rows of the sets in proportion, as nearly as whole groups allow.

    Args:
        images: (R, 2) or (R, 1) image indices of the rows.
        count: number of images.
        batch_size: rows per step and process.
        seed: of the order.
        world_size, rank: number of processes, and which this is.
        grouped: False shuffles single rows.
        together: rows that follow each other and are a group, where a row has one image: the versions of an
            image, say; `batch_size` is a multiple of it. A loss on the order of a batch's rows then
            compares what should be compared.
        sets: (R,) the number of each row's data set, those of a set in one stretch whose length is a multiple
            of `together`; None: there is one set.
        balanced: give every set as many rows per epoch as the largest has; those of smaller ones are then
            visited several times, each once before any is visited again.
    """

    def __init__(
        self,
        images: np.ndarray,
        count: int,
        batch_size: int,
        seed: int = 0,
        world_size: int = 1,
        rank: int = 0,
        grouped: bool = True,
        together: int = 1,
        sets: np.ndarray | None = None,
        balanced: bool = False,
    ) -> None:
        self._groups, self._together = np.arange(len(images)) // together, together
        if grouped and images.shape[1] == 2:
            self._groups = row_groups(images, count, max(1, batch_size // GROUPS_A_BATCH))
        self._batch_size, self._seed, self._world_size, self._rank = batch_size, seed, world_size, rank
        self._epoch = self._start = 0
        self._sets = [] if sets is None else [np.flatnonzero(sets == one) for one in np.unique(sets)]
        self._most = max(map(len, self._sets)) if balanced and self._sets else 0
        self._count = self._most * len(self._sets) or len(images)

    def __len__(self) -> int:
        """Steps an epoch, the ones that `set_position` skips included."""
        return -(-self._count // (self._batch_size * self._world_size))

    def rows(self, step: int, window: int = 1) -> int:
        """Rows of `step` in all processes, or of the `window` steps that it is added up with."""
        joint, first = self._batch_size * self._world_size, step - step % window
        return min((first + window) * joint, self._count) - first * joint

    def set_position(self, epoch: int, start: int = 0) -> None:
        """The next iteration gives the steps of `epoch` from number `start` on."""
        self._epoch, self._start = epoch, start

    def __iter__(self) -> Iterator[StepRows]:
        order = self.order(self._epoch)
        joint = self._batch_size * self._world_size
        for start in range(self._start * joint, len(order), joint):
            step = order[start : start + joint]
            bounds = self._shares(len(step))
            rows = step[bounds[self._rank] : bounds[self._rank + 1]]
            weight = len(rows) * self._world_size / len(step)
            yield StepRows(self._epoch, rows if len(rows) else step[:1], weight)

    def _shares(self, rows: int) -> np.ndarray:
        """(world_size + 1,) bounds of what each process gets of a step's rows, between groups of rows."""
        groups = -(-rows // self._together)
        bounds = np.linspace(0, groups, self._world_size + 1).round().astype(int)
        return np.minimum(bounds * self._together, rows)

    def order(self, epoch: int) -> np.ndarray:
        """The row numbers of `epoch` in their order, groups kept together."""
        rng = np.random.default_rng([self._seed, epoch])
        if not self._sets:
            return self._shuffled(rng, np.arange(len(self._groups)))
        orders = [self._of_set(rng, rows) for rows in self._sets]
        # where each row's group stands in the course of its set, 0 to 1: so sets are dealt out evenly
        places = np.concatenate([_middles(self._groups[order]) for order in orders])
        return np.concatenate(orders)[np.argsort(places, kind="stable")]

    def _of_set(self, rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
        passes = -(-self._most // len(rows)) or 1
        return np.concatenate([self._shuffled(rng, rows) for _ in range(passes)])[: self._most or None]

    def _shuffled(self, rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
        place = rng.permutation(int(self._groups.max()) + 1)
        if len(self._groups) % self._together:
            place[-1] = len(place)
        return rows[np.argsort(place[self._groups[rows]], kind="stable")]


def _middles(groups: np.ndarray) -> np.ndarray:
    """(R,) the middle of the run of equal `groups` (R,) that each row stands in, as a share of all rows."""
    ends = np.append(np.flatnonzero(np.diff(groups)) + 1, len(groups))
    sizes = np.diff(ends, prepend=0)
    return np.repeat((ends - sizes / 2) / len(groups), sizes)
