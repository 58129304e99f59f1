"""Validation after every epoch: metrics, plots, and the score range that the ModelSpec carries."""

import logging
from collections.abc import Callable

import numpy as np
from torch import nn

from applications.evaluation.logits import predict_logits
from applications.evaluation.plots import scatter
from applications.evaluation.predictions import Predictions, evaluate_logits, with_percentiles
from applications.setup.data import pin_memory
from applications.training.advice import on_scores
from config import Config
from dataloader.cache import ImageCache
from dataloader.labels import Labels
from dataloader.loaders import eval_loader
from dataloader.views import View
from metrics.emd import mean_rating
from models.normalise import Normalise
from models.spec import ModelSpec
from utils.distributed import Process
from utils.run_log import RunLog


class Validator:
    """Called after an epoch with the network; `spec` then holds the range of the validation scores.

    Args:
        cache, first: of decoded images; see `EvalDataset`.
    """

    def __init__(
        self,
        config: Config,
        process: Process,
        normalise: Normalise,
        criterion: nn.Module,
        labels: Labels,
        spec: ModelSpec,
        log: RunLog,
        cache: ImageCache | None = None,
        first: int = 0,
    ) -> None:
        self.spec = spec
        self._process, self._normalise, self._criterion = process, normalise, criterion
        self._labels, self._log = labels, log
        self._skip_bad = config.bad_images == "skip"
        self._loader = eval_loader(
            labels.paths,
            View(spec.view, spec.image_size, spec.patches, config.full_decode, config.max_pixels),
            batch_size=min(config.batch_size, 32),
            workers=config.workers,
            pin_memory=pin_memory(process),
            world=process.world,
            rank=process.rank,
            cache=cache,
            first=first,
        )

    def __call__(
        self, network: nn.Module, epoch: int, before_batch: Callable[[], None] = lambda: None
    ) -> dict[str, float]:
        """The metrics of `network`, left in evaluation mode; `before_batch`: see `predict_logits`."""
        network.eval()
        logits = predict_logits(
            network,
            self._normalise,
            self._loader,
            len(self._labels.paths),
            self._process,
            skip_bad=self._skip_bad,
            desc="validate",
            before_batch=before_batch,
        )
        result = evaluate_logits(self._labels, logits, self._criterion)
        self.spec = with_percentiles(self.spec, result.scores)
        self._log.scalars("val", result.metrics, epoch + 1)
        self._log.histogram("val/scores", result.scores, epoch + 1)
        self._log.figure(
            "val/scatter", scatter(self._labels.task, *scatter_axes(self._labels, result)), epoch + 1
        )
        for warning in on_scores(self._labels, result):
            logging.warning("%s", warning)
        return result.metrics


def scatter_axes(labels: Labels, result: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """What `plots.scatter` takes: scores of better and worse for rank, else predictions and opinions."""
    images = labels.images[result.rows]
    if labels.task == "rank":
        return result.scores[images[:, 0]], result.scores[images[:, 1]]
    opinions = labels.opinions[result.rows]
    return result.scores[images[:, 0]], mean_rating(opinions) if labels.task == "emd" else opinions
