"""`-e`: metrics of --resume on DATA/test, each with a bootstrap interval, predictions and a plot."""

import csv
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from applications.evaluation.coverage import CoverageReport, coverage_table, evaluate_coverage
from applications.evaluation.groups import by_group, by_type_and_level
from applications.evaluation.intervals import metric_intervals, with_fit
from applications.evaluation.label_sets import evaluate_sets, mean_metrics, scales_to_judge
from applications.evaluation.logits import label_outputs
from applications.evaluation.plots import bars, calibration_plot, save, scatter
from applications.evaluation.predictions import Predictions, plain_scores
from applications.evaluation.preferences import (
    PreferenceReport,
    evaluate_preferences,
    preference_plot,
    preference_rows,
    preference_table,
)
from applications.evaluation.reasons import ReasonsReport, confusion_plot, evaluate_reasons, family_table
from applications.evaluation.tables import group_table, metric_table, named_group_table, set_table
from applications.setup.continuing import flags_of
from applications.setup.data import evaluation_labels, warn_of_learned_images
from applications.setup.model import trained_model
from applications.setup.objective import trained_criterion
from applications.setup.origins import origins_of, scenes_of_rows
from applications.setup.torch_errors import explain_torch_errors
from config import Config
from dataloader.label_sets import image_places
from dataloader.labels import Labels
from metrics.emd import mean_rating, shares
from metrics.pair_accuracy import PairAccuracy
from rankiqa.files import atomic_write
from rankiqa.intervals import require_coverage
from rankiqa.spec import ModelSpec
from rankiqa.terminal.log import setup_console
from utils.distributed import Process, choose_device, run_processes
from utils.run_log import RunLog, new_run_folder


def run(config: Config) -> int:
    """Evaluate, in as many processes as there are GPUs; writes into logs/<run>/."""
    device, gpus = choose_device(config.cuda, config.gpus)
    return run_processes(evaluate, (config,), device=device, local=gpus or config.procs_per_node)


def evaluate(process: Process, config: Config) -> int:
    """One process of an evaluation: all score their share, the first reports."""
    setup_console(quiet=not process.is_main)
    network, spec, flags = trained_model(config)
    coverage = _coverage(config, spec)
    labels = evaluation_labels(config, spec)
    folder = new_run_folder(config.logdir, "test", spec.arch, spec.criterion)
    with (
        explain_torch_errors(config.batch_size, spec.image_size),
        RunLog(folder, active=process.is_main) as log,
    ):
        log.config(flags_of(config))
        if process.is_main:
            warn_of_learned_images(labels, flags)
        outputs = label_outputs(config, process, network, spec, labels)
        if process.is_main:
            criterion = trained_criterion(config, spec, flags)
            results = evaluate_sets(labels, outputs.logits, criterion, scales_to_judge(config, spec, labels))
            sets = [
                _SetReport(
                    part,
                    result,
                    evaluate_reasons(config, spec, part, outputs.part(place)),
                    evaluate_coverage(part, result, outputs.deviations[place], spec.interval, coverage),
                )
                for (part, place), result in zip(image_places(labels), results, strict=True)
            ]
            _report(config, log, labels, sets)
    return 0


def _coverage(config: Config, spec: ModelSpec) -> float:
    """--coverage, or what the model can promise up to it.

    Raises:
        ConfigError: the flag was given, and the model has no such intervals.
    """
    if "coverage" in config.given:
        require_coverage(spec.interval, config.coverage)
    return min(config.coverage, spec.interval.coverages[-1]) if spec.interval else config.coverage


class _SetReport:
    """What is found on one data set."""

    def __init__(
        self,
        labels: Labels,
        result: Predictions,
        reasons: ReasonsReport | None,
        coverage: CoverageReport | None,
    ) -> None:
        self._labels, self._result = labels, result
        self._reasons, self._coverage = reasons, coverage
        origins = origins_of(labels)
        self.metrics = with_fit(labels, result) | ({} if reasons is None else reasons.metrics)
        scenes = scenes_of_rows(labels, result.rows, origins)
        self._intervals = metric_intervals(labels, result, scenes)
        self._preferences = evaluate_preferences(labels, result, scenes)
        self._groups = by_type_and_level(labels, result, origins)
        self._named = by_group(labels, result, origins)

    @property
    def rows(self) -> int:
        """Rows that are judged."""
        return len(self._result.rows)

    def content(self) -> dict[str, Any]:
        """For metrics.json."""
        content: dict[str, Any] = {
            "labels": str(self._labels.source),
            "rows": self.rows,
            "rows_left_out": len(self._labels) - self.rows,
            "figures": self.metrics,
            "intervals": self._intervals,
            "pair_accuracy": _nested(self._groups),
            "groups": self._named,
        }
        content |= {} if self._reasons is None else {"reasons": self._reasons.to_dict()}
        content |= {} if self._coverage is None else {"interval_coverage": self._coverage.to_dict()}
        return content | ({} if self._preferences is None else {"preferences": self._preferences.to_dict()})

    def tell(self, model: Path | None, folder: Path) -> None:
        """Print the tables; write predictions and plots into `folder`."""
        with atomic_write(folder / "predictions.csv", "w") as file:
            csv.writer(file).writerows(_prediction_rows(self._labels, self._result))
        drawn = _draw(folder, self._labels, self._result, self._named, self._preferences)
        if self._reasons is not None:
            save(confusion_plot(self._reasons), folder / "reasons.png")
            drawn.append("reasons.png")
        counts = f"{self.rows} rows, {len(self._labels.paths)} images"
        if self._preferences is not None:
            counts += f"; {self._preferences.ties} ties are left out of pair accuracy and score gap"
        logging.info("%s on %s: %s", model, self._labels.source, counts)
        logging.info("%s", metric_table(self.metrics, self._intervals))
        if self._preferences is not None and self._preferences.bins:
            logging.info("%s", preference_table(self._preferences))
        if self._reasons is not None:
            logging.info("%s", family_table(self._reasons))
        if self._coverage is not None:
            logging.info("%s", coverage_table(self._coverage))
        if self._groups:
            logging.info("%s", group_table(self._groups))
        for title, metrics_of in self._named.items():
            if title != "type" or not self._groups:  # pairs have a table of types by level already
                logging.info("%s", named_group_table(title, metrics_of))
        logging.info("metrics.json, predictions.csv, %s: %s", ", ".join(drawn), folder)


def _report(config: Config, log: RunLog, labels: Labels, sets: Sequence[_SetReport]) -> None:
    """Files and tables; of several data sets each has a folder of its own, and one table has them all."""
    if not labels.parts:
        log.metrics({"model": str(config.resume), **sets[0].content()})
        sets[0].tell(config.resume, log.folder)
        return
    metrics, rows = [one.metrics for one in sets], [one.rows for one in sets]
    means, by_rows = mean_metrics(metrics), mean_metrics(metrics, rows)
    names = [part.set_name for part in labels.sets]
    log.metrics(
        {
            "model": str(config.resume),
            "rows": sum(rows),
            "figures": means,
            "figures_by_rows": by_rows,
            "sets": {name: one.content() for name, one in zip(names, sets, strict=True)},
        }
    )
    for name, one in zip(names, sets, strict=True):
        folder = log.folder / name.replace("/", "_")
        folder.mkdir()
        one.tell(config.resume, folder)
    logging.info("%s", set_table(names, rows, metrics, means, by_rows))
    logging.info("metrics.json of all sets: %s", log.folder)


def _draw(
    folder: Path,
    labels: Labels,
    result: Predictions,
    named: dict[str, dict[str, dict[str, float]]],
    preferences: PreferenceReport | None,
) -> list[str]:
    """Save the plots; their file names."""
    plots = {"scatter.png": scatter(labels, result)}
    if len(named.get("type", ())) > 1:
        plots["types.png"] = bars(named["type"])
    if labels.task == "emd":
        rated = shares(labels.opinions[result.rows])
        plots["calibration.png"] = calibration_plot(result.probs[labels.images[result.rows, 0]], rated)
    if preferences is not None and preferences.bins:
        plots["calibration.png"] = preference_plot(preferences)
    for name, figure in plots.items():
        save(figure, folder / name)
    return list(plots)


def _prediction_rows(labels: Labels, result: Predictions) -> Iterator[list[Any]]:
    """The header, then a line per row of the label file, with enough digits to give back the same float."""
    if labels.has_shares:
        yield from preference_rows(labels, result)
        return
    plain = plain_scores(result.logits) if result.on_scale else None
    if labels.task == "rank":
        yield ["better", "worse", "score_better", "score_worse", "right"]
    else:
        bins = [f"p{number + 1}" for number in range(result.logits.shape[1])] if labels.task == "emd" else []
        yield ["path", "score", "mos", *bins, *(() if plain is None else ("plain_score",))]
    for row in result.rows:
        names = [labels.names[image] for image in labels.images[row]]
        scores = [float(result.scores[image]) for image in labels.images[row]]
        if labels.task == "rank":
            yield [*names, *map(repr, scores), int(scores[0] > scores[1])]
        elif labels.task == "emd":
            mos = float(mean_rating(labels.opinions[row][None])[0])
            yield [*names, repr(scores[0]), mos, *result.probs[labels.images[row][0]].tolist()]
        else:
            also = [] if plain is None else [repr(float(plain[labels.images[row][0]]))]
            yield [*names, repr(scores[0]), float(labels.opinions[row]), *also]


def _nested(groups: dict[tuple[str, int], PairAccuracy]) -> dict[str, dict[str, Any]]:
    nested: dict[str, dict[str, Any]] = {}
    for (name, level), counts in groups.items():
        nested.setdefault(name, {})[str(level)] = {**counts._asdict(), "accuracy": counts.accuracy}
    return nested
