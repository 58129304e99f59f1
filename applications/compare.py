"""`-e --compare A B`: two models on the same labels, and whether the difference could be luck."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from applications.evaluation.intervals import difference_intervals, scene_sums, with_fit
from applications.evaluation.label_sets import evaluate_sets, scales_to_judge
from applications.evaluation.logits import label_logits
from applications.evaluation.predictions import Predictions
from applications.evaluation.tables import comparison_table
from applications.setup.continuing import flags_of
from applications.setup.data import evaluation_labels, warn_of_learned_images
from applications.setup.model import trained_model
from applications.setup.objective import trained_criterion
from applications.setup.origins import origins_of, scenes_of_rows
from config import Config
from dataloader.labels import Labels
from metrics.bootstrap import Interval
from metrics.correlation import plcc, srcc
from metrics.emd import mean_rating
from metrics.significance import Verdict, compare_scenes, meng_rosenthal_rubin_test
from utils.distributed import Process, choose_device
from utils.errors import ConfigError
from utils.run_log import RunLog, new_run_folder


def run(config: Config) -> int:
    """Print the table and write metrics.json into logs/<run>/; 0."""
    files = [Path(name) for name in config.compare or []]
    process = Process(device=choose_device(config.cuda, config.gpus)[0])
    results = []
    labels = None
    for file in files:
        own = replace(config, resume=file)
        network, spec, flags = trained_model(own)
        if labels is None:
            labels = evaluation_labels(own, spec)
        elif spec.criterion == "emd" == labels.task and spec.num_classes != labels.targets.shape[1]:
            raise ConfigError(
                f"--compare: {files[0]} gives ratings 1..{labels.targets.shape[1]}, "
                f"{file} 1..{spec.num_classes}; --criterion regress with labels path,mos compares both"
            )
        elif spec.criterion != labels.task:
            raise ConfigError(
                f"--compare: {files[0]} is a model for {labels.task}, {file} for {spec.criterion}; "
                "--criterion judges both by the same labels"
            )
        warn_of_learned_images(labels, flags)
        criterion = trained_criterion(own, spec, flags)
        logits = label_logits(own, process, network, spec, labels)
        scales = scales_to_judge(own, spec, labels)
        results.append(evaluate_sets(labels, logits, criterion, scales))
    assert labels is not None
    logging.info("A: %s\nB: %s", *files)
    sets = {}
    for part, first, second in zip(labels.sets, *results, strict=True):
        if labels.parts:
            logging.info("on %s", part.source)
        sets[part.set_name] = _compare_on(part, first, second)
    found = {"sets": sets} if labels.parts else next(iter(sets.values()))
    with RunLog(new_run_folder(config.logdir, "compare", "two", labels.task)) as log:
        log.config(flags_of(config))
        log.metrics({"models": [str(file) for file in files], **found})
        logging.info("metrics.json: %s", log.folder)
    return 0


def _compare_on(labels: Labels, first: Predictions, second: Predictions) -> dict[str, Any]:
    """Print the table of two models on one data set; what metrics.json holds of it."""
    differences, verdicts = differ(labels, first, second)
    metrics = [with_fit(labels, result) for result in (first, second)]
    logging.info("%s", comparison_table(metrics[0], metrics[1], differences, verdicts))
    return {
        "labels": str(labels.source),
        "figures": metrics,
        "difference_intervals": differences,
        "tests": {name: verdict._asdict() for name, verdict in verdicts.items()},
    }


def differ(
    labels: Labels, first: Predictions, second: Predictions
) -> tuple[dict[str, Interval], dict[str, Verdict]]:
    """Paired bootstrap intervals of the differences A - B, and tests, over the rows that both could read."""
    rows = np.intersect1d(first.rows, second.rows)
    scenes = scenes_of_rows(labels, rows, origins_of(labels))
    intervals = difference_intervals(labels, first, second, rows, scenes)
    intervals.pop("log_likelihood_best", None)  # of the labels, and no matter of models
    if scenes is not None and labels.task == "rank":
        sums = [scene_sums(labels, one, rows, scenes) for one in (first, second)]
        verdicts = {"pair_accuracy": compare_scenes(sums[0][0], sums[1][0])}
        if "log_likelihood" in intervals:
            verdicts["log_likelihood"] = compare_scenes(sums[0][3], sums[1][3])
        return intervals, verdicts
    return intervals, _tests(labels, rows, first, second)


def _tests(labels: Labels, rows: np.ndarray, first: Predictions, second: Predictions) -> dict[str, Verdict]:
    """Whether the correlations of two models with the same opinions differ."""
    images, opinions = labels.images[rows, 0], labels.opinions[rows]
    if labels.task == "emd":
        scores, opinions = [mean_rating(one.probs[images]) for one in (first, second)], mean_rating(opinions)
    else:
        scores = [one.scores[images] for one in (first, second)]
    return {
        name: meng_rosenthal_rubin_test(
            measure(scores[0], opinions), measure(scores[1], opinions), measure(*scores), len(opinions)
        )
        for name, measure in (("srcc", srcc), ("plcc", plcc))
    }
