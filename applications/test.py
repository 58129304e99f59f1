"""`-e`: metrics of --resume on DATA/test, each with a bootstrap interval, predictions and a plot."""

import csv
import logging
from collections.abc import Iterator
from typing import Any, NamedTuple

from applications.evaluation.coverage import CoverageReport, coverage_table, evaluate_coverage
from applications.evaluation.groups import by_group, by_type_and_level
from applications.evaluation.intervals import metric_intervals, with_fit
from applications.evaluation.logits import label_outputs
from applications.evaluation.plots import bars, calibration_plot, save, scatter
from applications.evaluation.predictions import Predictions, evaluate_logits
from applications.evaluation.reasons import ReasonsReport, confusion_plot, evaluate_reasons, family_table
from applications.evaluation.tables import group_table, metric_table, named_group_table
from applications.setup.continuing import flags_of
from applications.setup.data import evaluation_labels, warn_of_learned_images
from applications.setup.model import trained_model
from applications.setup.objective import trained_criterion
from applications.setup.origins import origins_of, scenes_of_rows
from applications.setup.torch_errors import explain_torch_errors
from config import Config
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
            result = evaluate_logits(labels, outputs.logits, criterion)
            beside = Beside(
                evaluate_reasons(config, spec, labels, outputs),
                evaluate_coverage(labels, result, outputs.deviations, spec.interval, coverage),
            )
            _report(config, log, labels, result, beside)
    return 0


class Beside(NamedTuple):
    """What is judged beside the scores; None where the model has none, or nothing is known."""

    reasons: ReasonsReport | None
    coverage: CoverageReport | None


def _coverage(config: Config, spec: ModelSpec) -> float:
    """--coverage, or what the model can promise up to it.

    Raises:
        ConfigError: the flag was given, and the model has no such intervals.
    """
    if "coverage" in config.given:
        require_coverage(spec.interval, config.coverage)
    return min(config.coverage, spec.interval.coverages[-1]) if spec.interval else config.coverage


def _report(config: Config, log: RunLog, labels: Labels, result: Predictions, beside: Beside) -> None:
    reasons, coverage = beside
    origins = origins_of(labels)
    metrics = with_fit(labels, result) | ({} if reasons is None else reasons.metrics)
    intervals = metric_intervals(labels, result, scenes_of_rows(labels, result.rows, origins))
    groups = by_type_and_level(labels, result, origins)
    named = by_group(labels, result, origins)
    content = {
        "model": str(config.resume),
        "labels": str(labels.source),
        "rows": len(result.rows),
        "rows_left_out": len(labels) - len(result.rows),
        "figures": metrics,
        "intervals": intervals,
        "pair_accuracy": _nested(groups),
        "groups": named,
    }
    content |= {} if reasons is None else {"reasons": reasons.to_dict()}
    content |= {} if coverage is None else {"interval_coverage": coverage.to_dict()}
    log.metrics(content)
    with atomic_write(log.folder / "predictions.csv", "w") as file:
        csv.writer(file).writerows(_prediction_rows(labels, result))
    drawn = _draw(log, labels, result, named)
    if reasons is not None:
        save(confusion_plot(reasons), log.folder / "reasons.png")
        drawn.append("reasons.png")
    counts = f"{len(result.rows)} rows, {len(labels.paths)} images"
    logging.info("%s on %s: %s", config.resume, labels.source, counts)
    logging.info("%s", metric_table(metrics, intervals))
    if reasons is not None:
        logging.info("%s", family_table(reasons))
    if coverage is not None:
        logging.info("%s", coverage_table(coverage))
    if groups:
        logging.info("%s", group_table(groups))
    for title, metrics_of in named.items():
        if title != "type" or not groups:  # pairs have a table of types by level already
            logging.info("%s", named_group_table(title, metrics_of))
    logging.info("metrics.json, predictions.csv, %s: %s", ", ".join(drawn), log.folder)


def _draw(
    log: RunLog, labels: Labels, result: Predictions, named: dict[str, dict[str, dict[str, float]]]
) -> list[str]:
    """Save the plots; their file names."""
    plots = {"scatter.png": scatter(labels, result)}
    if len(named.get("type", ())) > 1:
        plots["types.png"] = bars(named["type"])
    if labels.task == "emd":
        rated = shares(labels.opinions[result.rows])
        plots["calibration.png"] = calibration_plot(result.probs[labels.images[result.rows, 0]], rated)
    for name, figure in plots.items():
        save(figure, log.folder / name)
    return list(plots)


def _prediction_rows(labels: Labels, result: Predictions) -> Iterator[list[Any]]:
    """The header, then a line per row of the label file, with enough digits to give back the same float."""
    if labels.task == "rank":
        yield ["better", "worse", "score_better", "score_worse", "right"]
    else:
        bins = [f"p{number + 1}" for number in range(result.logits.shape[1])] if labels.task == "emd" else []
        yield ["path", "score", "mos", *bins]
    for row in result.rows:
        names = [labels.names[image] for image in labels.images[row]]
        scores = [float(result.scores[image]) for image in labels.images[row]]
        if labels.task == "rank":
            yield [*names, *map(repr, scores), int(scores[0] > scores[1])]
        elif labels.task == "emd":
            mos = float(mean_rating(labels.opinions[row][None])[0])
            yield [*names, repr(scores[0]), mos, *result.probs[labels.images[row][0]].tolist()]
        else:
            yield [*names, repr(scores[0]), float(labels.opinions[row])]


def _nested(groups: dict[tuple[str, int], PairAccuracy]) -> dict[str, dict[str, Any]]:
    nested: dict[str, dict[str, Any]] = {}
    for (name, level), counts in groups.items():
        nested.setdefault(name, {})[str(level)] = {**counts._asdict(), "accuracy": counts.accuracy}
    return nested
