"""`-e --compare A B`: two models on the same labels, and whether the difference could be luck."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from applications.evaluation.groups import origins_of, scenes_of_rows
from applications.evaluation.intervals import measures_of, metrics_of_sums, scene_sums, with_fit
from applications.evaluation.predictions import Predictions, evaluate_logits
from applications.evaluation.tables import comparison_table
from applications.setup.continuing import flags_of
from applications.setup.data import evaluation_labels
from applications.setup.model import trained_model
from applications.test import label_logits, objective, warn_of_learned_images
from config import Config
from criterions.factory import create_criterion
from dataloader.labels import Labels
from metrics.bootstrap import Interval, bootstrap_intervals
from metrics.correlation import plcc, srcc
from metrics.emd import mean_rating
from metrics.significance import Verdict, compare_correlations, compare_scenes
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
        criterion = create_criterion(spec.criterion, **objective(own, flags))
        logits = label_logits(own, process, network, spec, labels)
        results.append(evaluate_logits(labels, logits, criterion))
    assert labels is not None
    differences, verdicts = differ(labels, *results)
    metrics = [with_fit(labels, result) for result in results]
    logging.info("A: %s\nB: %s", *files)
    logging.info("%s", comparison_table(metrics[0], metrics[1], differences, verdicts))
    with RunLog(new_run_folder(config.logdir, "compare", "two", labels.task)) as log:
        log.config(flags_of(config))
        log.metrics(
            {
                "models": [str(file) for file in files],
                "labels": str(labels.source),
                "figures": metrics,
                "difference_intervals": differences,
                "tests": {name: verdict._asdict() for name, verdict in verdicts.items()},
            }
        )
        logging.info("metrics.json: %s", log.folder)
    return 0


def differ(
    labels: Labels, first: Predictions, second: Predictions
) -> tuple[dict[str, Interval], dict[str, Verdict]]:
    """Paired bootstrap intervals of the differences A - B, and tests, over the rows that both could read."""
    rows = np.intersect1d(first.rows, second.rows)
    scenes = scenes_of_rows(labels, rows, origins_of(labels))
    images, opinions = labels.images[rows], labels.opinions[rows]
    if labels.task == "rank":
        assert scenes is not None
        sums = [scene_sums(result.scores, images, scenes) for result in (first, second)]
        intervals = bootstrap_intervals(
            lambda *both: _minus(metrics_of_sums(*both[:3]), metrics_of_sums(*both[3:])), *sums[0], *sums[1]
        )
        return intervals, {"pair_accuracy": compare_scenes(sums[0][0], sums[1][0])}
    if labels.task == "emd":
        said = [result.probs[images[:, 0]] for result in (first, second)]
        scores, means = [mean_rating(one) for one in said], mean_rating(opinions)
    else:
        said = scores = [result.scores[images[:, 0]] for result in (first, second)]
        means = opinions
    intervals = {}
    for measure, resamples in measures_of(labels.task, len(images)).items():
        intervals |= bootstrap_intervals(
            lambda a, b, wanted, of=measure: _minus(of(a, wanted), of(b, wanted)),
            *(*said, opinions),
            groups=scenes,
            resamples=resamples,
        )
    return intervals, _tests(scores, means)


def _tests(scores: Sequence[np.ndarray], opinions: np.ndarray) -> dict[str, Verdict]:
    return {
        name: compare_correlations(
            measure(scores[0], opinions), measure(scores[1], opinions), measure(*scores), len(opinions)
        )
        for name, measure in (("srcc", srcc), ("plcc", plcc))
    }


def _minus(first: dict[str, float], second: dict[str, float]) -> dict[str, float]:
    return {name: value - second[name] for name, value in first.items() if name in second}
