"""Loaders: data sets and batch orders on worker processes."""

import os

import numpy as np
import torch
from torch.utils.data import DataLoader

from dataloader.batches import RowBatches
from dataloader.cache import ImageCache
from dataloader.datasets import EvalDataset, TrainDataset
from dataloader.features import FeatureView
from dataloader.labels import Labels
from dataloader.string_table import StringTable
from rankiqa.terminal.signals import leave_to_parent
from rankiqa.views import View

LOW_PRIORITY = 5  # added to their niceness where no GPU computes; with more, a busy machine starves them


def train_loader(
    labels: Labels,
    view: View | FeatureView,
    batches: RowBatches,
    *,
    seed: int = 0,
    augment: bool = True,
    siamese: bool = False,
    workers: int = 0,
    pin_memory: bool = False,
    cache: ImageCache | None = None,
) -> DataLoader:
    """A loader of `TrainBatch`; the caller sets the epoch by `batches.set_position` before each iteration.

    Args:
        labels: the rows.
        view: how an image becomes a tensor.
        batches: which rows make each step.
        seed: of flips and random crops.
        augment: False gives every image its central view, unflipped.
        siamese: decode the images of each row for itself, instead of each distinct one once.
        workers: processes that decode; 0 decodes in this one.
        pin_memory: page-locked batches, for a GPU.
        cache: keeps decoded images between epochs.
    """
    dataset = TrainDataset(labels, view, seed if augment else None, siamese, cache)
    return _loader(dataset, batches, workers, pin_memory)


def eval_loader(
    paths: StringTable,
    view: View | FeatureView,
    *,
    batch_size: int,
    workers: int = 0,
    pin_memory: bool = False,
    world_size: int = 1,
    rank: int = 0,
    cache: ImageCache | None = None,
    first: int = 0,
) -> DataLoader:
    """A loader of `EvalBatch` over the images of this process: every one once, in order.

    All processes get as many batches, so that they can agree before each; the last may be empty. `cache` and
    `first` are those of `EvalDataset`.
    """
    mine = np.arange(rank, len(paths), world_size)
    most = -(-len(paths) // world_size)
    chunks = [mine[start : start + batch_size] for start in range(0, most, batch_size)]
    return _loader(EvalDataset(paths, view, cache, first), chunks, workers, pin_memory)


def end_workers(loader: DataLoader) -> None:
    """End the worker processes of a loader now.

    Dropping the loader does the same, but a reference cycle may keep it until the end of this process, which
    then waits for workers that wait for it: they leave signals to their parent.
    """
    iterator, loader._iterator = loader._iterator, None  # noqa: SLF001
    if iterator is not None:
        iterator._shutdown_workers()  # type: ignore[attr-defined]  # noqa: SLF001


def _yield_to_network(_worker: int) -> None:
    """Let a worker compute when the network does not: on a CPU both want the same cores.

    A worker that holds up one thread of a convolution holds up all of them. While the network waits for a
    batch, the workers have every core.
    """
    leave_to_parent()
    if hasattr(os, "nice"):
        os.nice(LOW_PRIORITY)


def _loader(dataset, sampler, workers: int, pin_memory: bool) -> DataLoader:  # type: ignore[no-untyped-def]
    return DataLoader(
        dataset,
        sampler=sampler,
        batch_size=None,  # the data sets give whole batches
        num_workers=workers,
        pin_memory=pin_memory,
        persistent_workers=workers > 0,
        worker_init_fn=leave_to_parent if pin_memory else _yield_to_network,
        # An own generator: otherwise every iterator draws from the global one, which dropout is seeded by.
        generator=torch.Generator().manual_seed(0),
    )
