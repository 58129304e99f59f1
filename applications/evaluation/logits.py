"""Logits of many images, the same for any batch size, number of workers and number of processes."""

import logging
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from applications.setup.data import pin_memory, usable_workers
from config import Config
from criterions.score import average_patches
from dataloader.cache import ImageCache
from dataloader.labels import Labels
from dataloader.loaders import eval_loader
from models.normalise import Normalise, place, to_unit
from rankiqa.chunks import GPU, Chunks
from rankiqa.memory import keep_freed_memory
from rankiqa.spec import ModelSpec
from rankiqa.terminal.progress import progress_bar
from utils.distributed import Process, gather
from utils.errors import ImageError, TrainingError

# Kernels round differently for each batch shape: with one shape, logits do not depend on an image's company.
CHUNK = {"cpu": 8, "cuda": GPU}


def label_logits(
    config: Config, process: Process, network: nn.Module, spec: ModelSpec, labels: Labels
) -> np.ndarray:
    """(M, N) logits of the M images of `labels`, by all processes together; see `predict_logits`."""
    if process.device == "cpu":
        keep_freed_memory()
    place(network, process.device, config.channels_last)
    return predict_logits(
        network,
        Normalise(spec.mean, spec.std).to(process.device),
        evaluation_loader(config, process, spec, labels),
        len(labels.paths),
        process,
        skip_bad=config.bad_images == "skip",
    )


def evaluation_loader(
    config: Config,
    process: Process,
    spec: ModelSpec,
    labels: Labels,
    cache: ImageCache | None = None,
    first: int = 0,
) -> DataLoader:
    """Loader of the share of `process` in the images of `labels`; `cache`, `first`: see `EvalDataset`."""
    return eval_loader(
        labels.paths,
        spec.make_view(config.full_decode, config.max_pixels),
        batch_size=min(config.batch_size, 32),
        workers=usable_workers(config, process),
        pin_memory=pin_memory(process),
        world_size=process.world_size,
        rank=process.rank,
        cache=cache,
        first=first,
    )


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
    """The logits of every image, each once.

    Args:
        network: in evaluation mode, on the device of `process`.
        normalise: of the network's weights, on the same device.
        loader: of `EvalBatch`, this process's share.
        count: images of all processes, M.
        process: whose shares are gathered in the end.
        skip_bad: leave the logits of unreadable images NaN instead of raising.
        desc: shown before the progress bar.
        before_batch: called before every batch, as often in each process; may raise to leave.

    Returns:
        (M, N) float32, in every process.

    Raises:
        ImageError: an image can't be read.
        TrainingError: the network gives scores that are not finite.
    """
    numbers: list[Tensor] = []
    errors: list[str] = []
    crops = _Crops(network, normalise, process.device)
    with (
        torch.inference_mode(),
        progress_bar(total=-(-count // process.world_size), desc=desc, unit="image") as bar,
    ):
        for batch in loader:
            before_batch()
            if batch.errors and not skip_bad:
                raise ImageError(batch.errors[0])
            errors += batch.errors
            if len(batch.numbers):
                numbers.append(batch.numbers)
                crops.add(batch.images)
            bar.update(len(batch.numbers) + len(batch.errors))
        own = crops.logits().numpy() if numbers else None
    for error in errors:
        logging.warning("skipped %s", error)
    numbers_read = torch.cat(numbers).numpy() if numbers else np.empty(0, int)
    return _joined([share for share in gather((numbers_read, own), process) if share[1] is not None], count)


def _joined(shares: list[tuple[np.ndarray, np.ndarray]], count: int) -> np.ndarray:
    """(M, N) logits of `count` images from the (numbers, logits) of each process; see `predict_logits`."""
    if not shares:
        raise ImageError(f"none of {count} images can be read")
    wild = sum(int((~np.isfinite(values)).any(axis=1).sum()) for _, values in shares)
    if wild:
        raise TrainingError(
            f"{wild} of {count} scores are not finite: the weights have diverged; try a smaller --lr"
        )
    logits = np.full((count, shares[0][1].shape[1]), np.nan, np.float32)
    for numbers, values in shares:
        logits[numbers] = values
    return logits


class _Crops:
    """Gathers the crops of many images until they fill forwards; the logits stay on the device to the end."""

    def __init__(self, network: nn.Module, normalise: Normalise, device: str) -> None:
        self._network, self._normalise, self._device = network, normalise, device
        self._chunks = Chunks(CHUNK[device.split(":")[0]])
        self._waiting: list[Tensor] = []
        self._parts: list[Tensor] = []
        self._each = 1  # crops per image

    def add(self, images: Tensor) -> None:
        """Take uint8 (M, P, 3, H, W), and run what fills forwards."""
        self._each = images.shape[1]
        self._waiting.append(images.flatten(0, 1).to(self._device, non_blocking=True))
        count = sum(map(len, self._waiting))
        if count >= self._chunks.size:
            crops = torch.cat(self._waiting)
            full = count - count % self._chunks.size
            self._run(crops[:full])
            self._waiting = [crops[full:]]

    def logits(self) -> Tensor:
        """(M, N) of all images, in their order, on the CPU."""
        self._run(torch.cat(self._waiting))
        return average_patches(torch.cat(self._parts).unflatten(0, (-1, self._each))).cpu()

    def _run(self, crops: Tensor) -> None:
        def forward(place: slice, size: int) -> Tensor:
            part = crops[place]
            whole = torch.cat([part, part[:1].expand(size - len(part), *part.shape[1:])])
            return self._network(self._normalise(to_unit(whole)))[: len(part)].float()

        self._parts += self._chunks.run(forward, len(crops))
