"""`-e --pairs FILE`: does a model prefer the better of two real photographs? Counts for each kind of pair."""

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np

from applications.evaluation.tables import kind_table
from applications.setup.continuing import flags_of
from applications.setup.scorer import open_scorer
from config import Config
from dataloader.real_pairs import RealPairs, load_pairs
from deploy.engines import Scorer
from metrics.pair_accuracy import PairAccuracy, pair_accuracy
from rankiqa.batch.csv_rows import write_csv
from rankiqa.batch.pipeline import score_paths
from rankiqa.batch.run import describe
from rankiqa.files import atomic_write
from rankiqa.machine import usable_cores
from rankiqa.terminal.log import setup_console
from rankiqa.terminal.progress import progress_bar
from utils.errors import DataError, ImageError
from utils.run_log import RunLog, new_run_folder

ADDED = ["score_better", "score_worse", "margin"]


def run(config: Config) -> int:
    """Print the table; write metrics.json and wrong_pairs.csv into logs/<run>/; 0."""
    assert config.pairs is not None
    setup_console()
    pairs = load_pairs(config.pairs, *config.data)
    scorer, model = open_scorer(config, len(pairs.paths))
    logging.info("%s", describe(scorer, model))
    scores = image_scores(pairs, scorer, config)[pairs.images]
    kinds, overall = counts(pairs, scores)
    if not overall.pairs:
        raise DataError(f"{config.pairs}: no pair of which both images can be read")
    logging.info("%s", kind_table(kinds, overall))
    with RunLog(new_run_folder(config.logdir, "pairs", scorer.spec.arch, scorer.spec.criterion)) as log:
        log.config(flags_of(config))
        log.metrics(
            {
                "model": str(model),
                "pairs": str(config.pairs),
                "images": len(pairs.paths),
                "pairs_left_out": len(pairs) - overall.pairs,
                "kinds": {kind: entry(part) for kind, part in kinds.items()},
                "all": entry(overall),
            }
        )
        with atomic_write(log.folder / "wrong_pairs.csv", "w") as file:
            write_csv(file, wrong_rows(pairs, scores))
        wrong = overall.pairs - overall.right
        logging.info("metrics.json, wrong_pairs.csv (%d pairs, ties among them): %s", wrong, log.folder)
    return 0


def image_scores(pairs: RealPairs, scorer: Scorer, config: Config) -> np.ndarray:
    """float64 (M,): the score of each distinct image as `--predict` gives it; NaN for one that is left out.

    Raises:
        ImageError: an image that can't be read, unless --bad_images skips it.
    """
    scores: list[float] = []
    threads = config.threads or usable_cores()
    rows = score_paths(pairs.paths, scorer, threads, config.full_decode, config.max_pixels)
    with progress_bar(total=len(pairs.paths), desc="score", unit="image") as bar:
        for group in rows:
            for row in group:
                if row.error:
                    message = f"{pairs.where(len(scores))}: {row.path}: {row.error}"
                    if config.bad_images == "error":
                        raise ImageError(message)
                    logging.warning("left out: %s", message)
                scores.append(np.nan if row.score is None else row.score)
            bar.update(len(group))
    return np.array(scores)


def counts(pairs: RealPairs, scores: np.ndarray) -> tuple[dict[str, PairAccuracy], PairAccuracy]:
    """The counts of each kind, in the order of the file, and of all pairs; those with a NaN are left out.

    Args:
        pairs: R of them.
        scores: (R, 2), of the better and of the worse image.
    """
    known = ~np.isnan(scores).any(axis=1)
    kinds = {
        kind: pair_accuracy(*scores[known & (pairs.kinds == kind)].T)
        for kind in dict.fromkeys(pairs.kinds.tolist())
    }
    return kinds, pair_accuracy(*scores[known].T)


def entry(part: PairAccuracy) -> dict[str, Any]:
    """What metrics.json says of some pairs."""
    return {**part._asdict(), "share": part.accuracy, "interval": part.interval()}


def wrong_rows(pairs: RealPairs, scores: np.ndarray) -> Iterator[list[Any]]:
    """A header, then the pairs that are not right, lowest margin first: the file's columns and ADDED."""
    replaced = [name for name in ADDED if name in pairs.table.columns]
    if replaced:
        logging.warning("%s: new values in the columns %s", pairs.table.file, ", ".join(replaced))
    columns = [name for name in pairs.table.columns if name not in ADDED]
    yield [*columns, *ADDED]
    margins = scores[:, 0] - scores[:, 1]
    for place in np.argsort(margins, kind="stable"):
        if margins[place] <= 0:
            cells = [pairs.table.rows[place][name] for name in columns]
            yield [*cells, *map(repr, scores[place].tolist()), repr(float(margins[place]))]
