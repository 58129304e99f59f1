"""Logits of many pictures, the same for any batch size, number of workers and number of processes."""

import logging
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from criterions.score import average_patches
from models.normalise import Normalise, to_unit
from utils.distributed import Process, gather
from utils.errors import ImageError, TrainingError
from utils.progress import progress_bar

# Kernels round differently for each batch shape: with one shape, logits do not depend on a picture's company.
CHUNK = {"cpu": 8, "cuda": 32}


def predict_logits(
    network: nn.Module,
    normalise: Normalise,
    loader: DataLoader,
    count: int,
    process: Process,
    skip_bad: bool = False,
    desc: str = "evaluate",
    before_batch: Callable[[], None] = lambda: None,
) -> np.ndarray:
    """The logits of every picture, each once.

    Args:
        network: in evaluation mode, on the device of `process`.
        normalise: of the network's weights, on the same device.
        loader: of `EvalBatch`, this process's share.
        count: pictures of all processes, M.
        process: whose shares are gathered in the end.
        skip_bad: leave the logits of unreadable pictures NaN instead of raising.
        desc: shown before the progress bar.
        before_batch: called before every batch, as often in each process; may raise to leave.

    Returns:
        (M, N) float32, in every process.

    Raises:
        ImageError: a picture can't be read.
        TrainingError: the network gives scores that are not finite.
    """
    numbers: list[Tensor] = []
    parts: list[Tensor] = []
    faults: list[str] = []
    with (
        torch.inference_mode(),
        progress_bar(total=-(-count // process.world), desc=desc, unit="image") as bar,
    ):
        for batch in loader:
            before_batch()
            if batch.faults and not skip_bad:
                raise ImageError(batch.faults[0])
            faults += batch.faults
            if len(batch.numbers):
                numbers.append(batch.numbers)
                parts.append(_batch_logits(network, normalise, batch.images, process.device))
            bar.update(len(batch.numbers) + len(batch.faults))
    for fault in faults:
        logging.warning("skipped %s", fault)
    mine = (torch.cat(numbers).numpy(), torch.cat(parts).numpy()) if parts else (np.empty(0, int), None)
    shares = [share for share in gather(mine, process) if share[1] is not None]
    if not shares:
        raise ImageError(f"none of {count} pictures can be read")
    wild = sum(int((~np.isfinite(values)).any(axis=1).sum()) for _, values in shares)
    if wild:
        raise TrainingError(
            f"{wild} of {count} scores are not finite: the weights have diverged; try a smaller --lr"
        )
    logits = np.full((count, shares[0][1].shape[1]), np.nan, np.float32)
    for places, values in shares:
        logits[places] = values
    return logits


def _batch_logits(network: nn.Module, normalise: Normalise, images: Tensor, device: str) -> Tensor:
    """(M, P, 3, H, W) uint8 -> (M, N) on the CPU."""
    crops = images.flatten(0, 1)
    chunk = CHUNK[device.split(":")[0]]
    parts = []
    for start in range(0, len(crops), chunk):
        part = crops[start : start + chunk].to(device, non_blocking=True)
        whole = torch.cat([part, part[:1].expand(chunk - len(part), *part.shape[1:])])
        parts.append(network(normalise(to_unit(whole)))[: len(part)].float())
    logits = torch.cat(parts)
    return average_patches(logits.unflatten(0, images.shape[:2])).cpu()
