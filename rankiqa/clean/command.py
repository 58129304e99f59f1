"""`rankiqa clean` as a command."""

import argparse
from collections.abc import Callable
from pathlib import Path

from rankiqa.clean.findings import FINDINGS
from rankiqa.decoding.limits import MAX_PIXELS
from rankiqa.scorer import Scorer
from rankiqa.terminal.argument_types import names_of, pixel_count


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of what is looked through and written."""
    add = parser.add_argument
    add("paths", nargs="+", metavar="DIR",
        help="folder to look through, with all folders in it; also images, patterns such as 'a/**/*.jpg', "
        ".txt lists of paths, URLs, or - for paths on standard input")  # fmt: skip
    add(
        "--output",
        type=_csv,
        metavar="FILE",
        help="table (.csv) with a row per image: score, findings, better one",
    )
    add("--report", type=Path, metavar="FILE",
        help="page (.html) with thumbnails by finding; needs rankiqa[report]")  # fmt: skip
    add("--ignore", type=names_of(FINDINGS), metavar="FINDING,...",
        help=f"findings that are left out, of {', '.join(FINDINGS)}")  # fmt: skip
    add("--skip_done", action="store_true",
        help="leave out images that --output has already, or a run that was cut")  # fmt: skip
    add("--max_pixels", type=pixel_count, default=MAX_PIXELS, metavar="N",
        help="images of more pixels are not decoded; such as 500M")  # fmt: skip


def _csv(text: str) -> Path:
    if Path(text).suffix.lower() != ".csv":
        raise argparse.ArgumentTypeError(f"{text!r} does not end in .csv")
    return Path(text)


def run(arguments: argparse.Namespace, open_scorer: Callable[[], Scorer]) -> int:
    """Run the command; see `rankiqa.clean.run.clean`."""
    from rankiqa.clean.run import CleanRequest, clean

    request = CleanRequest(
        arguments.paths,
        arguments.output,
        arguments.report,
        arguments.ignore or frozenset(),
        arguments.skip_done,
        arguments.max_pixels,
        arguments.threads,
    )
    return clean(request, open_scorer)
