"""The command line of `prepare_dataset.py votes`."""

import argparse
import math
from pathlib import Path

from data_tools.prepare.options import add_images, add_seed, add_split
from data_tools.votes.reading import FOLDER
from rankiqa.terminal.argument_types import bounded_float, criterion_name, positive_int
from rankiqa.terminal.entry import program_parser
from rankiqa.votes.links import LINKS

SCREENINGS = ("p910", "bt500", "bt500+p910", "none")


def parse_options(argv: list[str] | None, description: str | None) -> argparse.Namespace:
    """The options in `argv`; a misspelt one, or a set that does not fit, ends the program with status 2."""
    parser = program_parser(description)
    parser.prog += " votes"
    _add_source(parser)
    _add_judgement(parser)
    _add_labels(parser)
    parser.set_defaults(synthesize_histogram=False, deviation=None)  # `prepare_task` asks; votes need none
    args = parser.parse_args(argv)
    if args.rescale is not None and not args.rescale[0] < args.rescale[1]:
        parser.error("--rescale LOW HIGH: LOW must lie below HIGH")
    if args.copy and args.no_image_check:
        parser.error("--copy needs the images, so it can't go with --no_image_check")
    return args


def _add_source(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--votes", type=Path, required=True, metavar="FILE",
        help="table with left,right,answer (pairs), or with rater,path,rating (single images)")  # fmt: skip
    add("--images", type=Path, metavar="DIR",
        help="folder that the paths are relative to (default: that of --votes)")  # fmt: skip
    add("--out", type=Path, required=True, metavar="DIR",
        help="folder for train/, val/, test/ with label.txt, and for scale.csv, scale.png, raters.csv, "
        "table.csv, left_out.csv, dataset.yaml")  # fmt: skip
    add("--scenes", metavar=f"FILE|{FOLDER}",
        help="which images show one scene and stay in one split: a table path,scene, or by the folder they "
        "lie in (default: a column scene of the ratings, else each image by itself)")  # fmt: skip
    add_images(parser, "votes whose images are not there")


def _add_judgement(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--model", choices=LINKS,
        help="pairs: probit is Thurstone's case V, logistic Bradley-Terry (default: probit)")  # fmt: skip
    add("--error_rate", "--error-rate", type=bounded_float(1e-3, 0.5), metavar="P",
        help="pairs: share of honest raters that the test for random clickers may leave out "
        "(default: 0.05)")  # fmt: skip
    add("--keep", nargs="+", default=[], metavar="RATER", help="raters that count whatever the tests say")
    add("--screening", choices=SCREENINGS,
        help="ratings: p910 removes biases and weighs raters by their consistency, bt500 leaves out erratic "
        "raters, none takes plain means (default: p910)")  # fmt: skip


def _add_labels(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--task", type=criterion_name, metavar="rank|emd|regress",
        help="task that label.txt is for; emd needs ratings (default: rank for pairs, regress for "
        "ratings)")  # fmt: skip
    add_split(parser, None, "0.7 0.15 0.15 for pairs, as `rankiqa label` asks; 0.8 0.1 0.1 for ratings")
    add_seed(parser)
    add("--dmos", action="store_true",
        help="ratings with a column reference: label by the difference from the reference")  # fmt: skip
    add("--num_classes", "--num-classes", type=positive_int, metavar="N",
        help="ratings 1..N: number of bins of the histograms, and the range of a MOS")  # fmt: skip
    add("--rescale", type=bounded_float(-math.inf), nargs=2, metavar=("LOW", "HIGH"),
        help="regress: map the range of the scores onto this one")  # fmt: skip
    add("--min_gap", "--min-gap", type=bounded_float(0), metavar="G",
        help="rank from ratings: least difference of MOS in a pair")  # fmt: skip
    add("--probabilities", action="store_true",
        help="rank from ratings: rows first,second,p: the probability that a rating of the first image lies "
        "above one of the second")  # fmt: skip
    add("--random_pairs", "--random-pairs", type=positive_int, metavar="K",
        help="rank from ratings without scenes: compare each image with K drawn at random")  # fmt: skip
