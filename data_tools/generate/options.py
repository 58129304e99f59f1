"""The command line of live_generator."""

import argparse
from pathlib import Path

from rankiqa.machine import usable_cores
from rankiqa.terminal.argument_types import positive_int, share
from rankiqa.terminal.entry import program_parser

MAX_LEVELS = 10  # beyond, neighbouring JPEG qualities round to the same number


def parse_options(argv: list[str] | None, types: str, description: str | None) -> argparse.Namespace:
    """The options in `argv`; a misspelt one, or a pair that does not fit, ends the program with status 2."""
    parser = _parser(types, description)
    args = parser.parse_args(argv)
    if (args.data is None) == (args.refs is None):
        parser.error("give either --data, or --refs with --out")
    if (args.refs is None) != (args.out is None):
        parser.error("--refs and --out go together")
    if args.across_types and args.label != "rank":
        parser.error("--across_types makes pairs; it goes with --label rank")
    return args


def _levels(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_LEVELS:
        raise argparse.ArgumentTypeError(f"expected 1 to {MAX_LEVELS}, got {text!r}")
    return int(text)


def _parser(types: str, description: str | None) -> argparse.ArgumentParser:
    parser = program_parser(description)
    add = parser.add_argument
    add(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder of references; they stay, and the output goes beside them",
    )
    add(
        "--refs",
        type=Path,
        metavar="DIR",
        help="folder of references to be divided among --out/train, val and test",
    )
    add("--out", type=Path, metavar="DIR", help="folder for the three splits (with --refs)")
    add("--split", type=float, nargs=3, default=(0.8, 0.1, 0.1), metavar=("TRAIN", "VAL", "TEST"),
        help="shares of the scenes (default: 0.8 0.1 0.1)")  # fmt: skip
    add("--types", "--set", default=types, metavar="LIST",
        help="distortions: sets (live, tid2013, waterloo, mlive, kadid, camera, all) and types, with commas "
        "(default: %(default)s)")  # fmt: skip
    add("--types_per_scene", type=positive_int, metavar="N",
        help="draw so many of the distortions for each reference, by the seed: many photos, all types, and "
        "yet few images (default: all)")  # fmt: skip
    add("--always", default="", metavar="LIST",
        help="distortions that every reference gets besides those drawn by --types_per_scene")  # fmt: skip
    add("--levels", type=_levels, default=5, metavar="N",
        help=f"levels per type, 1 to {MAX_LEVELS}, over the same range (default: %(default)s)")  # fmt: skip
    add("--label", choices=("rank", "regress"), default="rank",
        help="rows of label.txt: pairs better,worse, or path,mos with a pseudo-MOS in 1..5 from "
        "full-reference metrics (default: %(default)s)")  # fmt: skip
    add("--metric", default="vsi,mdsi,haarpsi", metavar="LIST",
        help="full-reference metrics of the library piq for --label regress and --across_types; of several, "
        "the mean of their ranks (default: %(default)s)")  # fmt: skip
    add(
        "--across_types",
        action="store_true",
        help="with --label rank: also pairs of two types, where all metrics agree clearly",
    )
    add("--min_gap", type=share, default=0.15, metavar="SHARE",
        help="distance of a pair across types for every metric, as a share of all images "
        "(default: %(default)s)")  # fmt: skip
    add("--seed", type=int, default=0, metavar="N", help="seed of noise and split (default: %(default)s)")
    add(
        "--format",
        choices=("png", "bmp"),
        default="png",
        help="format of written images (default: %(default)s)",
    )
    add("-j", "--workers", type=positive_int, default=usable_cores(), metavar="N",
        help="number of processes (default: all cores, here %(default)s)")  # fmt: skip
    return parser
