"""Data sets: from row or image numbers to tensors. Order and chance come from outside."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from dataloader.batches import StepRows
from dataloader.cache import ImageCache
from dataloader.features import FeatureView
from dataloader.groups import scenes_of
from dataloader.labels import Labels
from dataloader.recipes import read_image
from dataloader.string_table import StringTable
from rankiqa.views import View
from utils.errors import ImageError


class TrainBatch(NamedTuple):
    """One training step.

    Attributes:
        images: uint8 (M, 3, H, W), each distinct image of the rows once; or features, float32 (M, F).
        pair_index: int64 indices into `images` of each row's images: (R, 2) for rank, (R, 1) for emd and
            regress.
        targets: of these rows, see `Labels`.
        weight: see `StepRows`.
        errors: a message for every image that could not be read; its rows are left out.
        numbers: int64 (M,), which images of the label file these are.
    """

    images: Tensor
    pair_index: Tensor
    targets: Tensor
    weight: float
    errors: list[str]
    numbers: Tensor


class EvalBatch(NamedTuple):
    """Images to be scored.

    Attributes:
        numbers: int64 (M,) image numbers.
        images: uint8 (M, P, 3, H, W), P crops per image, or features, float32 (M, P, F). Where images have
            sizes of their own, all their crops laid end to end, which takes one piece of shared memory and
            not one per image.
        errors: a message for every image that could not be read; its number is left out.
        shapes: int64 (M, 4), the (P, 3, H, W) of each image in such a row; else None.
    """

    numbers: Tensor
    images: Tensor
    errors: list[str]
    shapes: Tensor | None = None

    def each(self, device: str) -> list[Tensor]:
        """The crops on `device` by size: uint8 (K, P, 3, H, W), one for all images or one per image."""
        images = self.images.to(device, non_blocking=True)
        if self.shapes is None:
            return [images]
        parts = images.split(self.shapes.prod(1).tolist())
        return [part.view(1, *shape) for part, shape in zip(parts, self.shapes.tolist(), strict=True)]


class TrainDataset(Dataset):
    """Maps `StepRows` to a `TrainBatch`, decoding each distinct image once.

    Args:
        labels: the rows.
        view: how an image becomes a tensor.
        seed: with the epoch and the scene it decides on flip and crop, so that the images of a pair are
            treated alike and a run can be repeated; None turns augmentation off.
        siamese: decode the images of each row for itself.
        cache: keeps decoded images between epochs.
    """

    def __init__(
        self,
        labels: Labels,
        view: View | FeatureView,
        seed: int | None,
        siamese: bool = False,
        cache: ImageCache | None = None,
    ) -> None:
        self._labels, self._view, self._seed, self._siamese = labels, view, seed, siamese
        self._cache = cache
        self._scene = scenes_of(labels.images, len(labels.paths))

    def __getitem__(self, step: StepRows) -> TrainBatch:
        named = self._labels.images[step.rows]
        if self._siamese:
            numbers, index = named.ravel(), np.arange(named.size)
        else:
            numbers, index = np.unique(named, return_inverse=True)
        crops: list[np.ndarray] = []
        errors: list[str] = []
        place = np.full(len(numbers), -1)
        for position, number in enumerate(numbers):
            try:
                prepared = _prepared(self._view, self._labels.paths, int(number), self._cache)
            except ImageError as error:
                errors.append(str(error))
                continue
            place[position] = len(crops)
            crops.append(self._view.vary(prepared, self._rng(step.epoch, number)))
        index = place[index.reshape(len(step.rows), -1)]
        whole = (index >= 0).all(axis=1)
        targets = torch.from_numpy(self._labels.targets[step.rows[whole]])
        images = _stacked(crops, self._view.none_to_train())
        read = torch.from_numpy(numbers[place >= 0].astype(np.int64))
        return TrainBatch(images, torch.from_numpy(index[whole]), targets, step.weight, errors, read)

    def _rng(self, epoch: int, number: int) -> np.random.Generator | None:
        if self._seed is None:
            return None
        return np.random.default_rng([self._seed, epoch, int(self._scene[number])])


class EvalDataset(Dataset):
    """Maps an array of image numbers to an `EvalBatch`.

    Args:
        paths: of the images.
        view: how an image becomes crops.
        cache: keeps decoded images between epochs, image n by the number `first` + n.
        first: see `cache`.
    """

    def __init__(
        self, paths: StringTable, view: View | FeatureView, cache: ImageCache | None = None, first: int = 0
    ) -> None:
        self._paths, self._view, self._cache, self._first = paths, view, cache, first

    def __getitem__(self, numbers: np.ndarray) -> EvalBatch:
        crops: list[np.ndarray] = []
        read: list[int] = []
        errors: list[str] = []
        for number in numbers:
            try:
                prepared = _prepared(self._view, self._paths, int(number), self._cache, self._first)
                crops.append(self._view.cut(prepared))
                read.append(int(number))
            except ImageError as error:
                errors.append(str(error))
        found = torch.tensor(read, dtype=torch.int64)
        if self._view.has_one_size:
            return EvalBatch(found, _stacked(crops, self._view.none_to_evaluate()), errors)
        flat = np.concatenate([one.ravel() for one in crops]) if crops else np.empty(0, np.uint8)
        shapes = torch.tensor([one.shape for one in crops], dtype=torch.int64).view(-1, 4)
        return EvalBatch(found, torch.from_numpy(flat), errors, shapes)


def _prepared(
    view: View | FeatureView, paths: StringTable, number: int, cache: ImageCache | None, first: int = 0
) -> np.ndarray:
    """What `view` makes of the image `number` at first, kept by `cache` as number `first` + `number`."""
    if isinstance(view, FeatureView):
        return view.of(number)

    def decoded() -> np.ndarray:
        return view.prepare(read_image(view, paths[number]))

    return decoded() if cache is None else cache.get(first + number, decoded)


def _stacked(crops: list[np.ndarray], none: np.ndarray) -> Tensor:
    """(M, *shape of each); `none` where there is no crop."""
    return torch.from_numpy(np.stack(crops) if crops else none)
