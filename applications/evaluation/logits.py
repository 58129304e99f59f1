"""Logits of many images, the same for any batch size, number of workers and number of processes."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from applications.setup.data import pin_memory, usable_workers, view_of
from config import Config
from criterions.score import average_patches, score
from dataloader.cache import ImageCache
from dataloader.datasets import EvalBatch
from dataloader.features import FeatureView
from dataloader.labels import Labels
from dataloader.loaders import eval_loader
from dataloader.string_table import StringTable
from models.normalise import NormalisePixels, place
from rankiqa.chunks import GPU, Chunks
from rankiqa.machine import keep_freed_memory
from rankiqa.scorer import SAME_SIZE
from rankiqa.spec import ModelSpec
from rankiqa.terminal.progress import progress_bar
from rankiqa.views import View
from utils.distributed import Process, gather
from utils.errors import ImageError, TrainingError

# Kernels round differently for each batch shape: with one shape, logits do not depend on an image's company.
CHUNK = {"cpu": 8, "cuda": GPU}
# Where images have sizes of their own, few are of one, and a forward that is filled up costs as a full one.
CHUNK_OF_SIZE = {"cpu": 1, "cuda": SAME_SIZE}
MOST_WAITING = 16  # forwards' crops that wait for others of their sizes


class Outputs(NamedTuple):
    """What a network says of M images; NaN where one could not be read.

    Attributes:
        logits: float32 (M, N).
        reasons: float32 (M, 2 K), probabilities of K families and their severities; K = 0 without a head.
        deviations: float32 (M,), of the scores of an image's crops.
    """

    logits: np.ndarray
    reasons: np.ndarray
    deviations: np.ndarray

    def part(self, place: slice) -> "Outputs":
        """Those of some images."""
        return Outputs(self.logits[place], self.reasons[place], self.deviations[place])


def label_logits(
    config: Config, process: Process, network: nn.Module, spec: ModelSpec, labels: Labels
) -> np.ndarray:
    """(M, N) logits of the M images of `labels`, by all processes together; see `predict_outputs`."""
    return label_outputs(config, process, network, spec, labels).logits


def label_outputs(
    config: Config, process: Process, network: nn.Module, spec: ModelSpec, labels: Labels
) -> Outputs:
    """What `network` says of the images of `labels`, by all processes together; see `predict_outputs`."""
    if process.device == "cpu":
        keep_freed_memory()
    place(network, process.device, config.channels_last)
    return predict_outputs(
        network,
        NormalisePixels(spec.mean, spec.std).to(process.device),
        evaluation_loader(config, process, view_of(config, spec), labels.paths),
        len(labels.paths),
        process,
        skip_bad=config.bad_images == "skip",
        num_classes=spec.num_classes,
    )


def evaluation_loader(
    config: Config,
    process: Process,
    view: View | FeatureView,
    paths: StringTable,
    cache: ImageCache | None = None,
    first: int = 0,
) -> DataLoader:
    """Loader of the share of `process` in the images `paths`; `cache`, `first`: see `EvalDataset`."""
    return eval_loader(
        paths,
        view,
        batch_size=min(config.batch_size, 32),
        workers=0 if isinstance(view, FeatureView) else usable_workers(config, process),
        pin_memory=pin_memory(process),
        world_size=process.world_size,
        rank=process.rank,
        cache=cache,
        first=first,
    )


def predict_outputs(
    network: nn.Module,
    normalise: nn.Module,
    loader: DataLoader,
    count: int,
    process: Process,
    skip_bad: bool = False,
    desc: str = "evaluate",
    before_batch: Callable[[], None] = lambda: None,
    num_classes: int = 1,
) -> Outputs:
    """The outputs for every image, each once; probabilities and severities are means over its crops.

    Args:
        num_classes: N; what the network gives behind N columns belongs to its second head.
        others: see `predict_crops`.

    Returns:
        The same in every process.

    Raises:
        ImageError, TrainingError: see `predict_crops`.
    """

    def of_crops(rows: Tensor) -> Tensor:
        logits, second = rows.split([num_classes, rows.shape[2] - num_classes], dim=2)
        means = average_patches(logits), second.sigmoid().mean(dim=1)
        return torch.cat([*means, crop_deviation(logits)[:, None]], dim=1)

    outputs = predict_crops(
        network, normalise, loader, count, process, of_crops, skip_bad, desc, before_batch
    )
    return Outputs(outputs[:, :num_classes], outputs[:, num_classes:-1], outputs[:, -1])


def crop_deviation(logits: Tensor) -> Tensor:
    """(M,), finite: as `rankiqa.score.crop_deviation`; `logits` is (M, P, N)."""
    scores = score(logits.flatten(0, 1)).unflatten(0, logits.shape[:2])
    return scores.std(dim=1, correction=0).nan_to_num()


def predict_crops(
    network: nn.Module,
    normalise: nn.Module,
    loader: DataLoader,
    count: int,
    process: Process,
    of_crops: Callable[[Tensor], Tensor],
    skip_bad: bool = False,
    desc: str = "evaluate",
    before_batch: Callable[[], None] = lambda: None,
) -> np.ndarray:
    """What `of_crops` makes of the outputs of the network for the crops of every image, each once.

    Args:
        network: in evaluation mode, on the device of `process`.
        normalise: makes inputs of the network of what `loader` gives, on the same device.
        loader: of `EvalBatch`, this process's share.
        count: images of all processes, M.
        process: whose shares are gathered in the end.
        of_crops: (K, P, C), outputs for the P crops of K images, to (K, ...).
        skip_bad: leave the outputs of unreadable images NaN instead of raising.
        desc: shown before the progress bar.
        before_batch: called before every batch, as often in each process; may raise to leave.

    Returns:
        float32 (M, ...), the same in every process.

    Raises:
        ImageError: an image can't be read.
        TrainingError: the network gives numbers that are not finite.
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
                crops.add(batch)
            bar.update(len(batch.numbers) + len(batch.errors))
        own = crops.outputs(of_crops).numpy() if numbers else None
    for error in errors:
        logging.warning("skipped %s", error)
    numbers_read = torch.cat(numbers).numpy() if numbers else np.empty(0, int)
    shares = [share for share in gather((numbers_read, own), process) if share[1] is not None]
    return _joined(shares, count)


def _joined(shares: list[tuple[np.ndarray, np.ndarray]], count: int) -> np.ndarray:
    """(M, ...) outputs of `count` images from the (numbers, outputs) of each process."""
    if not shares:
        raise ImageError(f"none of {count} images can be read")
    wild = sum(int((~np.isfinite(values.reshape(len(values), -1))).any(axis=1).sum()) for _, values in shares)
    if wild:
        raise TrainingError(
            f"{wild} of {count} scores are not finite: the weights have diverged; try a smaller --lr"
        )
    outputs = np.full((count, *shares[0][1].shape[1:]), np.nan, np.float32)
    for numbers, values in shares:
        outputs[numbers] = values
    return outputs


@dataclass
class _OfSize:
    """Crops of one size: the images that they are from, those that wait, and the logits of the others."""

    images: list[int] = field(default_factory=list)
    waiting: list[Tensor] = field(default_factory=list)
    logits: list[Tensor] = field(default_factory=list)


class _Crops:
    """Gathers crops of many images, by size, until they fill forwards; logits stay on the device."""

    def __init__(self, network: nn.Module, normalise: nn.Module, device: str) -> None:
        self._network, self._normalise, self._device = network, normalise, device
        self._chunks = Chunks(CHUNK[device.split(":")[0]])
        self._sizes: dict[tuple[int, ...], _OfSize] = {}
        self._count = 0  # images so far

    def add(self, batch: EvalBatch) -> None:
        """Take the images of a batch, and run what fills forwards."""
        if not self._sizes and batch.shapes is not None:
            self._chunks = Chunks(CHUNK_OF_SIZE[self._device.split(":")[0]])
        for images in batch.each(self._device):
            own = self._sizes.setdefault(tuple(images.shape[1:]), _OfSize())
            own.images += range(self._count, self._count + len(images))
            self._count += len(images)
            own.waiting.append(images.flatten(0, 1))
            self._run(own, self._chunks.size)
        if len(self._sizes) > 1 and self._waiting() >= MOST_WAITING * self._chunks.size:
            for own in self._sizes.values():
                self._run(own)

    def outputs(self, of_crops: Callable[[Tensor], Tensor]) -> Tensor:
        """(M, ...) of all images, in their order, on the CPU; `of_crops`: see `predict_crops`."""
        found, order = [], []
        for own in self._sizes.values():
            self._run(own)
            found.append(of_crops(torch.cat(own.logits).unflatten(0, (len(own.images), -1))))
            order += own.images
        outputs = torch.cat(found).cpu()
        return torch.empty_like(outputs).index_copy_(0, torch.tensor(order), outputs)

    def _waiting(self) -> int:
        return sum(len(part) for own in self._sizes.values() for part in own.waiting)

    def _run(self, own: _OfSize, multiple: int = 1) -> None:
        """Run what waits, so many crops that they are a multiple of a number."""
        count = sum(map(len, own.waiting))
        full = count - count % multiple
        if not full:
            return
        crops = torch.cat(own.waiting)
        own.logits += self._logits(crops[:full])
        own.waiting = [crops[full:]] if full < count else []

    def _logits(self, crops: Tensor) -> list[Tensor]:
        def forward(place: slice, size: int) -> Tensor:
            part = crops[place]
            whole = torch.cat([part, part[:1].expand(size - len(part), *part.shape[1:])])
            return self._network(self._normalise(whole))[: len(part)].float()

        return self._chunks.run(forward, len(crops))
