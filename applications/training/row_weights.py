"""How much a batch counts in an update, whose gradient is the mean over the rows of all its batches.

With `--bad_images skip` only the steps themselves tell how many rows that are, in all processes.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from applications.training.components import Components
from dataloader.datasets import TrainBatch
from utils.distributed import sum_processes


def weigh(components: Components, batch: TrainBatch, number: int) -> tuple[TrainBatch, float]:
    """The batch to learn from, and the weight of its loss in the update.

    The batch is empty where none of its rows could be read and there is one process; of several, each takes
    part with a placeholder.

    Args:
        components: of the run; `rows_read` goes up.
        batch: of this process.
        number: of the step in its epoch, from 0.
    """
    weight, rows = _weight(components, batch, number)
    components.rows_read.count += rows
    accumulate = components.accumulate
    share = rows / components.batches.rows(number, accumulate) if accumulate > 1 else 1.0
    if not len(batch.pair_index) and components.process.world_size > 1:
        batch = _placeholder(batch)
    return batch, weight * share


def _weight(components: Components, batch: TrainBatch, number: int) -> tuple[float, float]:
    """(share of this process in the joint mean, rows of all); with rows left out both depend on all."""
    world_size = components.process.world_size
    if not components.skip_bad:
        return batch.weight, components.batches.rows(number)
    rows = float(len(batch.pair_index) if batch.weight else 0)
    if world_size == 1:
        return batch.weight, rows
    total = sum_processes([rows], components.process)[0]
    return rows * world_size / max(total, 1.0), total


def _placeholder(batch: TrainBatch) -> TrainBatch:
    """A black image against itself: a process without a readable row must take part, with weight 0."""
    ends = batch.pair_index.shape[1]
    targets = torch.ones(1, *batch.targets.shape[1:])
    return batch._replace(
        images=batch.images.new_zeros(2, *batch.images.shape[1:]),
        pair_index=torch.zeros(1, ends, dtype=torch.int64),
        targets=targets,
        weight=0.0,
    )


def mean_over_read_rows(components: Components, gradients: Iterable[Tensor], number: int) -> None:
    """Scale gradients that were weighed by the rows planned for an update to the mean over those read."""
    planned, read = components.batches.rows(number, components.accumulate), components.rows_read.count
    if components.accumulate > 1 and read < planned:
        for gradient in gradients:
            gradient.mul_(planned / max(read, 1.0))
