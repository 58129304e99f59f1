"""Validation after every epoch: metrics, plots, and the score range that the ModelSpec carries."""

import logging
from collections.abc import Callable

from torch import nn

from applications.evaluation.label_sets import evaluate_sets, joint_metrics
from applications.evaluation.logits import evaluation_loader, predict_outputs
from applications.evaluation.plots import scatter
from applications.evaluation.predictions import plain_scores, with_percentiles
from applications.evaluation.reasons import named
from applications.setup.objective import evaluation_criterion
from applications.setup.scales import scales_by_name
from applications.setup.second_head import labels_of_reasons
from applications.training.advice import on_scores
from applications.training.components import Components
from config import Config
from config_rules import learns_reasons_alone
from dataloader.labels import Labels
from metrics.reasons import reasons_metrics
from models.scales import scales_of
from rankiqa.spec import ModelSpec
from utils.run_log import RunLog


class Validator:
    """Validation of a run: called after an epoch with the network.

    Args:
        config: of the run.
        components: of the run; the cache keeps the decoded images from number `first` on.
        labels: to validate on.
        spec: of the network; the attribute `spec` then also holds the range of the validation scores.
        log: gets metrics, scores and a plot.
        first: images to train on, which the cache keeps before these.

    Attributes:
        loader: of the images.
    """

    def __init__(
        self,
        config: Config,
        components: Components,
        labels: Labels,
        spec: ModelSpec,
        log: RunLog,
        first: int = 0,
    ) -> None:
        self.spec = spec
        self._components, self._labels, self._log = components, labels, log
        self._reasons = labels_of_reasons(config, spec, labels) if spec.reasons else None
        self._criterion = evaluation_criterion(config)
        # drawing takes as long as all else in an epoch on features
        self._plot_from = config.epochs if config.cache == "features" else 0
        self._keep_scale = learns_reasons_alone(config)
        self.loader = evaluation_loader(
            config,
            components.process,
            components.inputs.views[1],
            labels.paths,
            components.inputs.cache,
            first,
        )

    def __call__(
        self, network: nn.Module, epoch: int, before_batch: Callable[[], None] = lambda: None
    ) -> dict[str, float]:
        """The metrics of `network`, left in evaluation mode; `before_batch`: see `predict_outputs`."""
        network.eval()
        outputs = predict_outputs(
            self._components.inputs.part(network),
            self._components.inputs.normalise,
            self.loader,
            len(self._labels.paths),
            self._components.process,
            skip_bad=self._components.skip_bad,
            desc="validate",
            before_batch=before_batch,
            num_classes=self.spec.num_classes,
        )
        scores = plain_scores(outputs.logits)
        scales = scales_by_name(scales_of(network), self._labels)
        if not self._keep_scale:
            self.spec = with_percentiles(self.spec.with_(scales=scales), scores)
        results = evaluate_sets(self._labels, outputs.logits, self._criterion, scales)
        metrics = joint_metrics(self._labels, results)
        if self._reasons is not None:
            metrics.update(reasons_metrics(named(outputs, self._reasons)))
        self._log.scalars("val", metrics, epoch + 1)
        self._log.histogram("val/scores", scores, epoch + 1)
        for part, result in zip(self._labels.sets, results, strict=True):
            of_set = f"/{part.set_name}" if part.set_name else ""
            if epoch + 1 >= self._plot_from:
                self._log.figure(f"val/scatter{of_set}", scatter(part, result), epoch + 1)
            for warning in on_scores(part, result):
                logging.warning("%s%s", f"{part.set_name}: " if part.set_name else "", warning)
        return metrics
