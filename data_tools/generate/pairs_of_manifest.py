"""Other labels for images that live_generator has made with a pseudo-MOS: nothing is distorted again.

    python utils/data_generate/live_generator.py --refs photos --out data/mos --set all --label regress
    python utils/data_generate/pairs_of_manifest.py --data data/mos --out data/pairs [--across_types]
    python utils/data_generate/pairs_of_manifest.py --data data/mos --out data/ladders --ladders

Writes OUT/{train,val,test}/label.txt with rows better,worse, and a copy of the manifest, by which evaluation
tells the types apart. With --ladders rows stay path,mos; in train/ each type of a scene is a ladder of six
rows, the clean image and its five levels, for `main.py --criterion regress --group_size 6`. Metrics
hardly mind some damage that people see, such as a change of brightness: --least_step lowers the labels of a
ladder of train/ so far that each level is worse than the one before by that much. --look_alikes puts a second
clean image into each ladder of train/, smaller or saved with little loss, of the same label: seven rows.
"""

import argparse
from pathlib import Path

from data_tools.generate.ladders import write_ladders, write_scores
from data_tools.generate.manifest import MANIFEST, ordered_pairs, read_manifest
from data_tools.generate.pseudo_mos import MAPPING, load_mapping, pairs_across_types
from data_tools.generate.tables import relabel
from data_tools.label_file import label_path
from public_datasets.table import SPLIT_NAMES
from rankiqa.machine import usable_cores
from rankiqa.terminal.argument_types import bounded_float, positive_int, share
from rankiqa.terminal.entry import program, program_parser
from utils.errors import DataError


@program()
def main(argv: list[str] | None = None) -> None:
    """Write the labels of every split."""
    args = _options(argv)
    splits = [split for split in SPLIT_NAMES if (args.data / split / MANIFEST).is_file()]
    if not splits:
        raise DataError(f"{args.data}: holds no {SPLIT_NAMES[0]}/{MANIFEST}; live_generator writes it")
    if args.out.resolve() == args.data.resolve():
        raise DataError(f"--out {args.out} is --data: its own labels would be lost; name another folder")
    for split in splits:
        print(f"{args.out / split}: {write_split(args, split)} rows")


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = program_parser(__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="folder that live_generator wrote")
    add("--out", type=Path, required=True, metavar="DIR", help="folder for the labels")
    add(
        "--across_types", action="store_true", help="also pairs of two types, where all metrics agree clearly"
    )
    add("--min_gap", type=share, default=0.15, metavar="SHARE",
        help="distance of a pair across types for every metric, as a share of all images "
        "(default: %(default)s)")  # fmt: skip
    add("--ladders", action="store_true", help="path,mos: the clean image before the levels of each type")
    add("--least_step", type=bounded_float(0, 1), default=0.0, metavar="MOS",
        help="with --ladders: from level to level a label of train/ falls by at least this "
        "(default: %(default)s)")  # fmt: skip
    add("--look_alikes", action="store_true",
        help="with --ladders: each of train/ also holds a smaller or slightly compressed copy of its clean "
        "image, as its equal")  # fmt: skip
    add("-j", "--workers", type=positive_int, default=usable_cores(), metavar="N",
        help="number of processes that make look-alikes (default: all cores, %(default)s)")  # fmt: skip
    args = parser.parse_args(argv)
    if (args.least_step or args.look_alikes) and not args.ladders:
        parser.error("--least_step and --look_alikes go with --ladders")
    return args


def write_split(args: argparse.Namespace, split: str) -> int:
    """Label one of train, val and test as the flags ask; how many rows."""
    source, folder = args.data / split, args.out / split
    if not args.ladders:
        return write_pairs(source, folder, args.min_gap if args.across_types else None)
    if split != SPLIT_NAMES[0]:
        return write_scores(source, folder)
    return write_ladders(source, folder, args.least_step, args.workers if args.look_alikes else 0)


def write_pairs(source: Path, folder: Path, gap: float | None) -> int:
    """Write label.txt and manifest.csv into `folder`; how many pairs.

    Args:
        source: a folder with the generator's manifest.
        gap: of `pairs_across_types`; None: pairs within a type alone.

    Raises:
        DataError: the manifest can't be read, or holds no metrics although `gap` asks for them.
    """
    records = read_manifest(source / MANIFEST)
    pairs = ordered_pairs(records)
    if gap is not None:
        pairs += pairs_across_types(records, load_mapping(source / MAPPING), gap)
    return relabel(
        source, folder, [(label_path(better.path), label_path(worse.path)) for better, worse in pairs]
    )
