"""From a table of ratings to what label.txt of a task gets."""

import argparse

import numpy as np

from data_tools.prepare.label_text import emd_targets, regress_targets
from data_tools.prepare.pairs import pairs_of, shares_of
from data_tools.prepare.write import Prepared
from public_datasets.table import RatingTable


def prepare_task(args: argparse.Namespace, table: RatingTable, splits: np.ndarray) -> Prepared:
    """What the options of a task make of a table.

    Args:
        args: task, min_gap, random_pairs, probabilities, deviation, seed, rescale, num_classes and
            synthesize_histogram.
        table: of R rows.
        splits: (R,) names.

    Raises:
        ConfigError: the table does not allow the task.
    """
    if args.task == "rank":
        pairs = pairs_of(table, splits, args.min_gap, args.random_pairs, args.seed, args.probabilities)
        shares = shares_of(table, pairs, args.deviation)[:, None] if args.probabilities else None
        return Prepared(table, splits, pairs, None, False, "rank", shares)
    if args.task == "regress":
        return Prepared(
            table, splits, None, regress_targets(table, args.rescale, args.num_classes), False, "regress"
        )
    kept, targets, made = emd_targets(table, args.synthesize_histogram, args.num_classes)
    if len(kept) != len(table):
        splits = splits[np.isfinite(table.std)]
    if made:
        kept.notes.append(f"histograms were made: {made}")
    return Prepared(kept, splits, None, targets, bool(made), "emd")
