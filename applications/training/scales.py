"""Where the maps to the scales of several data sets start: at the scores that the weights give already."""

import logging

import numpy as np
from torch import nn

from applications.evaluation.logits import predict_outputs
from applications.evaluation.predictions import plain_scores
from applications.setup.data import pin_memory
from applications.setup.head_scale import TELLS_NOTHING
from applications.setup.scales import scales_by_name
from applications.training.inputs import Inputs
from config import Config
from dataloader.features import FeatureView
from dataloader.label_sets import image_places
from dataloader.labels import Labels
from dataloader.loaders import end_workers, eval_loader
from dataloader.string_table import StringTable
from models.scales import SetScales, scales_of
from rankiqa.spec import ModelSpec
from utils.distributed import Process

SAMPLE = 64  # images of each set, where their scores are computed for this alone
LEAST = 0.1  # correlation with the MOS: a map starts with the slope of the fit, but never flat or falling


def start_scales(
    config: Config, process: Process, network: nn.Module, spec: ModelSpec, labels: Labels, inputs: Inputs
) -> None:
    """Start the scales of `network`, where it has some, at its scores; every process must call.

    Weights of --resume score one set higher than another, as its images are better. Each map then starts as
    the line through scores and MOS of images of its set, by least squares; else the first hundreds of steps
    would go into what few scores tell. Where the scores of a set are all alike, they tell no slope.

    Args:
        network: on the device of `process`; its modes stay.
        spec: of the network.
        labels: to train on.
        inputs: of the run.
    """
    scales = scales_of(network)
    if scales is None or config.continue_from is not None:
        return
    if config.resume is not None:
        most = None if isinstance(inputs.views[0], FeatureView) else SAMPLE
        chosen = [(part, _spread(len(part.paths), most), place.start) for part, place in image_places(labels)]
        numbers = np.concatenate([start + own for _, own, start in chosen])
        scores = _scores(config, process, network, spec, inputs, [labels.paths[one] for one in numbers])
        for number, (part, own, _) in enumerate(chosen):
            found, scores = scores[: len(own)], scores[len(own) :]
            mos = np.zeros(len(part.paths))
            mos[part.images[:, 0]] = part.targets  # of an image with several rows the last
            read = np.isfinite(found)
            _fit(scales, number, found[read], mos[own][read])
    for name, one in scales_by_name(scales, labels).items():
        logging.info("scale of %s at first: MOS = %.4g + %.4g * score", name, one["offset"], one["slope"])


def _spread(count: int, most: int | None) -> np.ndarray:
    """Numbers of `most` of `count` images, evenly spread; None: of all."""
    return np.unique(np.linspace(0, count - 1, most or count).round().astype(int))


def _fit(scales: SetScales, number: int, scores: np.ndarray, mos: np.ndarray) -> None:
    """Let the map of set `number` begin as the line through scores (S,) and MOS (S,)."""
    if not len(scores):
        return
    mean, deviation = float(scales.mean[number]), float(scales.deviation[number])
    if scores.std() >= TELLS_NOTHING and mos.std() > 0:
        correlation = max(float(np.corrcoef(scores, mos)[0, 1]), LEAST)
        scales.unit[number] = scores.std() * deviation / (mos.std() * correlation)
    scales.centre[number] = scores.mean() - float(scales.unit[number]) * (mos.mean() - mean) / deviation


def _scores(
    config: Config, process: Process, network: nn.Module, spec: ModelSpec, inputs: Inputs, paths: list[str]
) -> np.ndarray:
    """float64 (S,): the scores of images, NaN where --bad_images skips one."""
    modes = [(module, module.training) for module in network.modules()]
    loader = eval_loader(
        StringTable(paths),
        inputs.views[0],
        batch_size=min(config.batch_size, 32),
        workers=inputs.workers,
        pin_memory=pin_memory(process),
        world_size=process.world_size,
        rank=process.rank,
    )
    logits = predict_outputs(
        inputs.part(network.eval()),
        inputs.normalise,
        loader,
        len(paths),
        process,
        skip_bad=config.bad_images == "skip",
        desc="first scores",
        num_classes=spec.num_classes,
    ).logits
    end_workers(loader)
    for module, training in modes:
        module.training = training
    return plain_scores(logits).astype(float)
