"""What the steps of a run are fed with: images, or features of frozen layers that are computed once."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from applications.evaluation.logits import evaluation_loader, predict_crops
from applications.setup.data import cache_size, view_of
from config import Config
from dataloader.cache import ImageCache
from dataloader.feature_file import FEATURES_FILE, FeatureFile
from dataloader.features import FeatureView
from dataloader.labels import Labels
from dataloader.string_table import StringTable
from models import head_of
from models.features import FeatureExtractor
from models.normalise import NormalisePixels
from rankiqa import __version__
from rankiqa.spec import ModelSpec
from rankiqa.views import View
from utils.distributed import Process


@dataclass(frozen=True)
class Inputs:
    """What the steps of a run are fed with.

    Attributes:
        views: of the images to train on and to validate on.
        normalise: makes inputs of `part` of what the views give.
        part: the part of a network that they are the inputs of.
        cache: of decoded images, those to validate on after those to train on; None: no cache.
        workers: processes that read them.
    """

    views: tuple[View | FeatureView, View | FeatureView]
    normalise: nn.Module
    part: Callable[[nn.Module], nn.Module]
    cache: ImageCache | None
    workers: int


def training_inputs(
    config: Config, process: Process, network: nn.Module, spec: ModelSpec, train: Labels, val: Labels | None
) -> Inputs:
    """What --cache says: features of frozen layers, or images.

    Args:
        network: with its weights, on the device of `process`.
        spec: of the network.
        train, val: labels to train and to validate on; None: nothing is validated.
    """
    if config.cache == "features":
        labels = [train] if val is None else [train, val]
        arrays = features_of(config, process, network, spec, labels)
        views = [FeatureView(array, one.paths) for array, one in zip(arrays, labels, strict=True)]
        return Inputs((views[0], views[-1]), nn.Identity(), lambda whole: head_of(whole)[1], None, workers=0)
    normalise = NormalisePixels(spec.mean, spec.std).to(process.device)
    images = len(train.paths) + (0 if val is None else len(val.paths))
    view, cache = view_of(config, spec), _cache(config, process, images)
    return Inputs((view, view), normalise, lambda whole: whole, cache, config.workers)


def features_of(
    config: Config, process: Process, network: nn.Module, spec: ModelSpec, labels: Sequence[Labels]
) -> list[np.ndarray]:
    """float32 (M, P, F) features of the images of each of `labels`, as evaluation sees them.

    CHECKPOINT_DIR/features.npz keeps them, where one process works alone; `network`: see `training_inputs`.
    """
    normalise = NormalisePixels(spec.mean, spec.std).to(process.device)

    def compute(paths: Sequence[str]) -> np.ndarray:
        return predict_crops(
            FeatureExtractor(network.eval()),
            normalise,
            evaluation_loader(config, process, view_of(config, spec), StringTable(paths)),
            len(paths),
            process,
            lambda crops: crops,
            skip_bad=config.bad_images == "skip",
            desc="features",
        )

    file = _feature_file(config, process, network, spec)
    found = [compute(one.paths) if file is None else file.of(one.paths, compute) for one in labels]
    for features, one in zip(found, labels, strict=True):
        logging.info(
            "%d features per image of %s: %.0f MB", features.shape[2], one.where, features.nbytes / 1e6
        )
    if file is not None:
        file.write()
    return found


def _feature_file(
    config: Config, process: Process, network: nn.Module, spec: ModelSpec
) -> FeatureFile | None:
    """CHECKPOINT_DIR/features.npz; None for several processes, which may see different files."""
    if process.world_size > 1:
        return None
    name, _ = head_of(network)
    digest = hashlib.sha256()
    known = (view_of(config, spec), spec.mean, spec.std, config.channels_last, process.device)
    digest.update(repr((*known, torch.__version__, __version__)).encode())
    for key, value in network.state_dict().items():
        if not key.startswith(f"{name}."):
            digest.update(key.encode())
            digest.update(value.cpu().contiguous().flatten().view(torch.uint8).numpy())
    return FeatureFile(config.checkpoint_dir / FEATURES_FILE, digest.hexdigest(), config.bad_images == "skip")


def _cache(config: Config, process: Process, images: int) -> ImageCache | None:
    """The cache of --cache, whose size the processes of this machine share."""
    size = cache_size(config)
    if not size:
        return None
    capacity = size * config.nodes // process.world_size
    return ImageCache(images, capacity, in_memory=config.cache == "ram")
