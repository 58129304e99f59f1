"""`-e`: figures of --resume on DATA/test, each with a bootstrap interval, predictions and a plot."""

import csv
from collections.abc import Iterator
from typing import Any

from applications.continuing import flags_of
from applications.evaluation import Predictions, evaluate_logits
from applications.intervals import with_intervals
from applications.manifest import by_type_and_level
from applications.model_setup import trained_model
from applications.plots import save, scatter
from applications.scoring import predict_logits
from applications.splits import pin_memory, split_file, split_labels, usable_workers
from applications.tables import figure_table, group_table
from applications.validation import scatter_axes
from config import Config
from criterions.factory import create_criterion
from dataloader.labels import Labels
from dataloader.loaders import eval_loader
from dataloader.views import View
from metrics.emd import mean_rating
from metrics.pair_accuracy import PairAccuracy
from models.normalise import Normalise, place
from models.spec import ModelSpec
from utils.distributed import Process, choose_device
from utils.files import atomic_write
from utils.run_log import RunLog, new_run_folder


def run(config: Config) -> int:
    """Evaluate; writes metrics.json, predictions.csv and scatter.png into logs/<run>/."""
    network, spec, flags = trained_model(config)
    labels = split_labels(config, "test", spec.criterion, spec.num_classes)
    criterion = create_criterion(spec.criterion, *_objective(config, flags))
    result = evaluate_logits(labels, _logits(config, network, spec, labels), criterion)
    figures, intervals = with_intervals(labels, result)
    groups = by_type_and_level(labels, result, split_file(config.data, "test"))
    with RunLog(new_run_folder(config.logdir, "test", spec.arch, spec.criterion)) as log:
        log.config(flags_of(config))
        log.metrics(
            {
                "model": str(config.resume),
                "labels": str(labels.source),
                "rows": len(result.rows),
                "rows_left_out": len(labels) - len(result.rows),
                "figures": figures,
                "intervals": intervals,
                "pair_accuracy": _nested(groups),
            }
        )
        with atomic_write(log.folder / "predictions.csv", "w") as file:
            csv.writer(file).writerows(_prediction_rows(labels, result))
        save(scatter(labels.task, *scatter_axes(labels, result)), log.folder / "scatter.png")
        print(f"{config.resume} on {labels.source}: {len(result.rows)} rows, {len(labels.paths)} pictures")
        print(figure_table(figures, intervals))
        if groups:
            print(group_table(groups))
        print(f"metrics.json, predictions.csv, scatter.png: {log.folder}")
    return 0


def _objective(config: Config, flags: dict[str, Any]) -> tuple[float, str]:
    """Margin and activation of the loss that is reported: as given, else as the model was trained."""
    names = ("margin", "rank_activation")
    margin, activation = (
        getattr(config, name) if name in config.given else flags.get(name, getattr(config, name))
        for name in names
    )
    return margin, activation


def _logits(config: Config, network: Any, spec: ModelSpec, labels: Labels) -> Any:
    device = choose_device(config.cuda, config.gpus)[0]
    process = Process(device="cuda:0" if device == "cuda" else "cpu")
    loader = eval_loader(
        labels.paths,
        View(spec.view, spec.image_size, spec.patches),
        batch_size=min(config.batch_size, 32),
        workers=usable_workers(config),
        pin_memory=pin_memory(process),
    )
    place(network, process.device, config.channels_last)
    normalise = Normalise(spec.mean, spec.std).to(process.device)
    skip_bad = config.bad_images == "skip"
    return predict_logits(network, normalise, loader, len(labels.paths), process, skip_bad=skip_bad)


def _prediction_rows(labels: Labels, result: Predictions) -> Iterator[list[Any]]:
    """The header, then a line a row of the label file, with enough digits to give back the same float."""
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
            mos = float(mean_rating(labels.targets[row][None])[0])
            yield [*names, repr(scores[0]), mos, *result.probs[labels.images[row][0]].tolist()]
        else:
            yield [*names, repr(scores[0]), float(labels.targets[row])]


def _nested(groups: dict[tuple[str, int], PairAccuracy]) -> dict[str, dict[str, Any]]:
    nested: dict[str, dict[str, Any]] = {}
    for (kind, level), counts in groups.items():
        nested.setdefault(kind, {})[str(level)] = {**counts._asdict(), "accuracy": counts.accuracy}
    return nested
