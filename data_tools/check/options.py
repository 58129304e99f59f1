"""The command line of check_images."""

import argparse
from pathlib import Path

from data_tools.check.problems import PROBLEMS
from rankiqa.decoding.limits import MAX_PIXELS
from rankiqa.machine import usable_cores
from rankiqa.terminal.argument_types import names_of, pixel_count, positive_int
from rankiqa.terminal.entry import program_parser


def parse_options(argv: list[str] | None, description: str | None) -> argparse.Namespace:
    """The options in `argv`, `paths` among them; a misspelt one ends the program with status 2."""
    parser = _parser(description)
    args = parser.parse_args(argv)
    if args.data is not None and args.paths:
        parser.error("give the folder either by --data or alone")
    args.paths = [args.data] if args.data is not None else args.paths or [Path("data")]
    return args


def _parser(description: str | None) -> argparse.ArgumentParser:
    problems = "\n".join(f"  {name:11s} {meaning}" for name, meaning in PROBLEMS.items())
    parser = program_parser(description, f"problems:\n{problems}")
    add = parser.add_argument
    add("paths", type=Path, nargs="*", metavar="PATH", help="folders and images (default: data)")
    add("--data", type=Path, metavar="DIR", help="the same as PATH: the folder with label files and images")
    add(
        "--list", type=Path, metavar="FILE", help="write the paths of images that can't be read, one per line"
    )
    add("--csv", type=Path, default=Path("check_images.csv"), metavar="FILE",
        help="the table of all problems (default: %(default)s)")  # fmt: skip
    add("--fix", action="store_true", help="remove rows that name an image which is absent, empty, "
        "truncated, broken or oversized from label files; the original stays as label.txt.bak")  # fmt: skip
    add("--ignore", type=names_of(PROBLEMS), default=frozenset(), metavar="PROBLEM,...",
        help="problems that are neither listed nor counted, such as unlabelled,duplicate")  # fmt: skip
    add("--max_pixels", type=pixel_count, default=MAX_PIXELS, metavar="N",
        help="most pixels of an image, such as 500M; as for main.py (default: %(default)s)")  # fmt: skip
    add("-j", "--workers", type=positive_int, default=usable_cores(), metavar="N",
        help="number of processes (default: all cores, here %(default)s)")  # fmt: skip
    return parser
