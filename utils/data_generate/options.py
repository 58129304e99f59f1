"""The command line of live_generator."""

import argparse
from pathlib import Path

from utils.cores import usable_cores

MAX_LEVELS = 10  # beyond, neighbouring JPEG qualities round to the same number


def parse_options(argv: list[str] | None, description: str) -> argparse.Namespace:
    """The options in `argv`; a misspelt one, or a pair that does not fit, ends the program with status 2."""
    parser = _parser(description)
    args = parser.parse_args(argv)
    if (args.data is None) == (args.refs is None):
        parser.error("give either --data, or --refs with --out")
    if (args.refs is None) != (args.out is None):
        parser.error("--refs and --out go together")
    return args


def _levels(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_LEVELS:
        raise argparse.ArgumentTypeError(f"expected 1 to {MAX_LEVELS}, got {text!r}")
    return int(text)


def _workers(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number of processes, 1 or more, got {text!r}")
    return int(text)


def _parser(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="live_generator.py",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "--data",
        type=Path,
        metavar="DIR",
        help="references; they stay, and the output goes beside them",
    )
    add("--refs", type=Path, metavar="DIR", help="references to be divided among --out/train, val and test")
    add("--out", type=Path, metavar="DIR", help="where the three splits go (with --refs)")
    add("--split", type=float, nargs=3, default=(0.8, 0.1, 0.1), metavar=("TRAIN", "VAL", "TEST"),
        help="shares of the scenes (default: 0.8 0.1 0.1)")  # fmt: skip
    add("--types", "--set", default="jp2k,jpeg,wn,gblur", metavar="LIST",
        help="distortions: sets (live, tid2013, waterloo, mlive, kadid, all) and types, with commas "
        "(default: %(default)s)")  # fmt: skip
    add("--levels", type=_levels, default=5, metavar="N",
        help=f"levels a type, 1 to {MAX_LEVELS}, over the same range (default: %(default)s)")  # fmt: skip
    add("--seed", type=int, default=0, metavar="N", help="of noise and split (default: %(default)s)")
    add("--format", choices=("png", "bmp"), default="png", help="of written pictures (default: %(default)s)")
    add("-j", "--workers", type=_workers, default=usable_cores(), metavar="N",
        help="processes (default: all cores, here %(default)s)")  # fmt: skip
    return parser
