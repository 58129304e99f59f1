"""`--train --learning_curve`: train, then say how much the number of rows to learn from matters.

The same training on quarters of DATA/train, each drawn DRAWS times, judged on the pairs of DATA/val and
DATA/test, from which none of them learns. All use their last weights: the best of many validations would be
judged by what chose it. Features of frozen layers are computed once for all.
"""

import csv
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from applications.evaluation.plots import curve_plot, save
from applications.setup.data import split_file, split_labels
from applications.setup.fold_data import LabelRow, label_rows, write_rows
from applications.setup.scales import new_model_for
from applications.training.inputs import features_of
from config import Config
from criterions.score import score
from dataloader.feature_file import FEATURES_FILE
from metrics.bootstrap import Interval, bootstrap_intervals
from models import canonical_arch, head_of, open_model
from rankiqa.files import atomic_write
from utils.checkpoint import file_arch
from utils.distributed import Process, choose_device
from utils.errors import DataError

SHARES = (0.25, 0.5, 0.75)
HALF = SHARES.index(0.5) - len(SHARES) - 1  # its place among the points, from the end
DRAWS = 3
MORE = 100  # answers whose gain is foretold
TABLE, PLOT = "learning_curve.csv", "learning_curve.png"


class Point(NamedTuple):
    """What was learned from some rows.

    Attributes:
        rows: number of them.
        right: (P,) whether each held-out pair is in the right order; mean of the draws.
    """

    rows: int
    right: np.ndarray


class HeldOut(NamedTuple):
    """Pairs that nothing is learned from: (M, P, F) features of their images, and (better, worse) of each."""

    parts: list[tuple[np.ndarray, np.ndarray]]

    def right(self, network: nn.Module) -> np.ndarray:
        """(P,) 1 where the last layer of `network` puts the better image first."""
        found = []
        for features, pairs in self.parts:
            scores = scores_of_features(network, features)
            found.append(scores[pairs[:, 0]] > scores[pairs[:, 1]])
        return np.concatenate(found).astype(np.float64)


def scores_of_features(network: nn.Module, features: np.ndarray) -> np.ndarray:
    """(M,) scores by the last layer of `network` of features (M, P, F), means over the P crops."""
    with torch.inference_mode():
        crops = score(head_of(network.eval())[1](torch.from_numpy(features).flatten(0, 1)))
    return crops.view(len(features), -1).mean(1).numpy()


def run(config: Config, run_action: Callable[[Config], int]) -> int:
    """Train on all rows, then on shares of them; CHECKPOINT_DIR gets TABLE and PLOT; 0, or 130 if stopped."""
    own = replace(config, learning_curve=False)
    status = run_action(own)
    if status:
        return status
    latest = f"checkpoint_{file_arch(canonical_arch(config.arch))}.pth"
    train = split_labels(config, "train")
    rows, val = label_rows(train), label_rows(split_labels(config, "val"))
    held_out = _held_out(own, config.checkpoint_dir / latest)
    points = []
    if config.resume is not None:
        points.append(Point(0, held_out.right(new_model_for(own, train)[0])))
    with tempfile.TemporaryDirectory(dir=config.checkpoint_dir, prefix="curve_") as place, _quiet():
        for share in SHARES:
            count, right = max(1, round(share * len(train))), []
            for draw in range(DRAWS):
                folder = Path(place, f"{count}_{draw}")
                status = run_action(_with_rows(own, folder, _drawn(rows, count, [config.seed, draw]), val))
                if status:
                    return status
                right.append(held_out.right(open_model(folder / latest)[0]))
                shutil.rmtree(folder)
            points.append(Point(count, np.mean(right, axis=0)))
    points.append(Point(len(train), held_out.right(open_model(config.checkpoint_dir / latest)[0])))
    _report(config.checkpoint_dir, points)
    return 0


def _held_out(config: Config, checkpoint: Path) -> HeldOut:
    """What `checkpoint`, and all that have its frozen layers, are judged by."""
    network, spec = open_model(checkpoint)
    there = [split for split in ("val", "test") if split_file(config.data[0], split).is_file()]
    labels = [split_labels(config, split) for split in there]
    process = Process(device=choose_device(config.cuda, config.gpus)[0])
    features = features_of(config, process, network.to(process.device), spec, labels)
    parts = []
    for one, values in zip(labels, features, strict=True):
        pairs, has_order = one.ordered(np.arange(len(one)))
        read = np.isfinite(values[:, 0, 0])[pairs].all(axis=1)
        parts.append((values, pairs[has_order & read]))
    if not any(len(pairs) for _, pairs in parts):
        where = ", ".join(one.where for one in labels)
        raise DataError(f"{where}: all pairs are ties; --learning_curve needs some with a better image")
    return HeldOut(parts)


def _drawn(rows: Sequence[LabelRow], count: int, seed: Sequence[int]) -> list[LabelRow]:
    """Some of the rows, in their order; of one seed more rows contain fewer."""
    order = np.random.default_rng(seed).permutation(len(rows))
    return [rows[place] for place in np.sort(order[:count])]


def _with_rows(config: Config, folder: Path, train: Sequence[LabelRow], val: Sequence[LabelRow]) -> Config:
    """The run in `folder` that learns from the rows `train`."""
    write_rows(folder / "data/train/label.txt", train)
    write_rows(folder / "data/val/label.txt", val)
    features = config.checkpoint_dir / FEATURES_FILE
    if features.is_file():
        shutil.copyfile(features, folder / features.name)
    return replace(
        config,
        data=(folder / "data",),
        checkpoint_dir=folder,
        logdir=folder / "logs",
        given=config.given | {"data", "checkpoint_dir", "logdir"},
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing is said of runs that nobody asked for."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _report(folder: Path, points: Sequence[Point]) -> None:
    intervals = bootstrap_intervals(_means, *(point.right for point in points))
    lines = [
        (point.rows, float(point.right.mean()), *intervals[str(number)])
        for number, point in enumerate(points)
    ]
    pairs = len(points[0].right)
    logging.info("pairs learned from  agreement on %d held-out pairs [95%% interval]", pairs)
    for rows, mean, low, high in lines:
        logging.info("%18d  %.0f%% [%.0f%%, %.0f%%]", rows, *(100 * value for value in (mean, low, high)))
    logging.info("%s", outlook(points, intervals["gain"]))
    with atomic_write(folder / TABLE, "w") as file:
        csv.writer(file).writerows([("pairs", "agreement", "low", "high"), *lines])
    save(curve_plot(np.array(lines), pairs), folder / PLOT)
    logging.info("the curve: %s", folder / PLOT)


def _means(*right: np.ndarray) -> dict[str, float]:
    """Agreement of each point, and what the second half of the rows has brought."""
    means = {str(number): float(one.mean()) for number, one in enumerate(right)}
    return means | {"gain": float(right[-1].mean() - right[HALF].mean())}


def outlook(points: Sequence[Point], interval: Interval) -> str:
    """A sentence on what more answers would bring: a number only where the latest ones surely brought some.

    Agreement that grows by g from half of the rows to all of them grows by at most g log2(1 + m / n) with m
    more: learning curves flatten.

    Args:
        points: in order of their rows.
        interval: of the gain g, 95%.
    """
    full, half = points[-1], points[HALF]
    gain, (low, high) = float(full.right.mean() - half.right.mean()), interval
    brought = f"from {half.rows} to {full.rows} pairs: {_points(gain)} [{_points(low)}, {_points(high)}]"
    if not low > 0:
        return f"{brought}; {len(full.right)} held-out pairs do not tell whether more answers would help"
    learned = MORE * full.rows / (full.rows + len(full.right))  # the others are held out
    more = gain * np.log2(1 + learned / full.rows)
    return f"{brought}; another {MORE} answers would bring about {_points(more)} if the curve keeps rising so"


def _points(share: float) -> str:
    return f"{100 * share:+.0f}%"
