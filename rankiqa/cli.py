"""The console script `rankiqa`: score, gate, clean, label, info, serve, export_web."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rankiqa import DEFAULT_MODEL, __version__, load
from rankiqa.batch.results import TABLES
from rankiqa.decoding.limits import MAX_PIXELS
from rankiqa.terminal.argument_types import pixel_count, positive_int, share
from rankiqa.terminal.entry import program
from rankiqa.terminal.log import setup_console
from rankiqa.video.sampling import Step, step

if TYPE_CHECKING:
    from rankiqa.batch.run import Request
    from rankiqa.scorer import Scorer

ENGINES = ("auto", "onnx", "openvino")


@program()
def main(argv: list[str] | None = None) -> int:
    """Run one command line and return its exit status.

    Returns:
        0; 1 when an image could not be read, or a gate rejects one; 2 after an expected error (one line on
        stderr); 130 after an interrupt; 141 when the reader of standard output has stopped.
    """
    argv = sys.argv[1:] if argv is None else argv
    arguments = build_parser(*argv[:1]).parse_args(argv)
    return _commands()[arguments.command][2](arguments)


def build_parser(asked: str = "") -> argparse.ArgumentParser:
    """The commands and their flags; those of one alone where `asked` is its name."""
    parser = argparse.ArgumentParser(
        prog="rankiqa",
        description="Tell how good images look, without a reference. Higher scores are better.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"rankiqa {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    known = _commands()
    for name, (text, add_flags, _) in known.items():
        command = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:],
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
            allow_abbrev=False,
        )
        if asked == name or asked not in known:
            add_flags(command)
    return parser


def _commands() -> dict[str, tuple[str, Callable[[argparse.ArgumentParser], None], Callable[[Any], int]]]:
    """Help, flags and work of each command."""
    return {
        "score": (
            "score images and videos; print them or write a table, a page, or maps", _add_score, _score
        ),
        "gate": (
            "let good images through: fit thresholds with a promise, check images by them", _add_gate, _gate
        ),
        "clean": (
            "find duplicates, damaged, dark, blurred, noisy and odd images in a folder", _add_clean, _clean
        ),
        "label": ("ask which of two images is better, on a page; needs rankiqa[serve]", _add_label, _label),
        "info": ("show what a model file says of itself", _add_info, _info),
        "serve": ("give a page and answer over HTTP; needs rankiqa[serve]", _add_serve, _serve),
        "export_web": (
            "write a page that scores images in the visitor's own browser", _add_export_web, _export_web
        ),
    }  # fmt: skip


def _add_model(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--model", type=Path, default=DEFAULT_MODEL, metavar="FILE",
        help=".onnx file of main.py --export onnx, or .xml of OpenVINO")  # fmt: skip
    add("--engine", choices=ENGINES, default="auto", help="library that computes")
    add("--threads", type=positive_int, metavar="N", help="cores that decode and compute; all, if not given")


def _add_coverage(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--coverage", type=share, metavar="SHARE",
        help="share of images whose label shall lie from low to high; 0.9, if not given")  # fmt: skip


def _add_score(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("paths", nargs="+", metavar="PATH",
        help="image, video, folder, pattern such as 'a/**/*.jpg', .txt list of paths, URL (s3://, gs://, "
        "file://), or - for paths on standard input")  # fmt: skip
    _add_model(parser)
    _add_coverage(parser)
    add("--output", type=_table, metavar="FILE", help="table of all rows: .csv, .jsonl or .parquet")
    add("--report", type=Path, metavar="FILE", help="page (.html) with the best, the worst and all images")
    add(
        "--quality_map",
        type=Path,
        metavar="DIR",
        help="folder for a map of each image: where quality is lost",
    )
    add(
        "--skip_done",
        action="store_true",
        help="leave out images that --output has already, or a run that was cut",
    )
    add("--scale", metavar="NAME",
        help="scores on the scale of this data set, of a model that was trained on several")  # fmt: skip
    add("--every", type=step, metavar="STEP",
        help="distance between scored frames of videos: 1s, 500ms, 10f (frames); folders are searched for "
        "videos, too; 1s for a video that is named")  # fmt: skip
    add("--plot", type=_svg, metavar="FILE", help="plot of the scores of videos over time (.svg)")
    add("--full_decode", action="store_true", help="never decode large JPEGs at a reduced scale")
    add("--max_pixels", type=pixel_count, default=MAX_PIXELS, metavar="N",
        help="images of more pixels get an error; such as 500M")  # fmt: skip


def _add_clean(parser: argparse.ArgumentParser) -> None:
    from rankiqa.clean.command import add_flags

    add_flags(parser)
    _add_model(parser)


def _add_label(parser: argparse.ArgumentParser) -> None:
    from rankiqa.serve.label.command import add_flags

    add_flags(parser)
    _add_model(parser)


def _add_gate(parser: argparse.ArgumentParser) -> None:
    from rankiqa.gating.command import add_flags

    add_flags(parser, _add_model)


def _add_info(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", type=Path, nargs="?", default=DEFAULT_MODEL, metavar="MODEL", help="model file"
    )


def _add_serve(parser: argparse.ArgumentParser) -> None:
    from rankiqa.serve.command import add_flags

    _add_model(parser)
    _add_coverage(parser)
    add_flags(parser)
    parser.add_argument("--gate", type=Path, metavar="FILE",
        help="gate of rankiqa gate fit: /v1/gate gives verdicts by it")  # fmt: skip


def _add_export_web(parser: argparse.ArgumentParser) -> None:
    from rankiqa.web.command import add_flags

    add_flags(parser)


def _table(text: str) -> Path:
    """A file of a known format; a type for argparse."""
    path = Path(text)
    if path.suffix.lower() not in TABLES:
        raise argparse.ArgumentTypeError(f"{text!r} ends in none of {', '.join(TABLES)}")
    return path


def _svg(text: str) -> Path:
    """A file of SVG; a type for argparse."""
    if not text.lower().endswith(".svg"):
        raise argparse.ArgumentTypeError(f"{text!r} does not end in .svg")
    return Path(text)


def _load(arguments: argparse.Namespace, scale: str | None = None) -> "Scorer":
    scorer = load(arguments.model, engine=arguments.engine, threads=arguments.threads, scale=scale)
    if getattr(arguments, "coverage", None) is not None:  # not every command has the flag
        scorer.coverage = arguments.coverage
    return scorer


def _score(arguments: argparse.Namespace) -> int:
    from concurrent.futures import ThreadPoolExecutor

    setup_console()
    with ThreadPoolExecutor(1) as beside:  # opens the model while the rest is imported
        scorer = beside.submit(_load, arguments, arguments.scale)
        from rankiqa.batch.run import score_request

        return score_request(_request(arguments), lambda count: (scorer.result(), arguments.model))


def _request(arguments: argparse.Namespace) -> "Request":
    from rankiqa.batch.run import Request

    return Request(
        arguments.paths,
        arguments.output,
        arguments.report,
        arguments.quality_map,
        arguments.skip_done,
        arguments.full_decode,
        arguments.max_pixels,
        arguments.threads,
        only_rows=True,
        every=arguments.every or Step(),
        videos_in_folders=arguments.every is not None,
        plot=arguments.plot,
    )


def _clean(arguments: argparse.Namespace) -> int:
    from rankiqa.clean.command import run

    return run(arguments, lambda: _load(arguments))


def _label(arguments: argparse.Namespace) -> int:
    from rankiqa.serve.label.command import run

    return run(arguments, lambda: _load(arguments))


def _gate(arguments: argparse.Namespace) -> int:
    from rankiqa.gating.command import run

    return run(arguments, lambda: _load(arguments))


def _info(arguments: argparse.Namespace) -> int:
    from rankiqa import intervals
    from rankiqa.reasons import in_words
    from rankiqa.score import scale_in_words

    scorer = load(arguments.model)
    spec = scorer.spec
    size = f"{spec.image_size[0]} x {spec.image_size[1]} pixels"
    if not scorer.view.has_one_size:
        size = f"at most the area of {size}"
    versions = ", ".join(f"{name} {version}" for name, version in spec.versions.items())
    lines = {
        "file": arguments.model,
        "architecture": spec.arch,
        "trained as": spec.criterion,
        "score": f"higher is better, {scale_in_words(spec)}",
        "view": f"{spec.view}, {size}, {scorer.view.crops} per image",
        "scales": ", ".join(spec.scales) or "none",
        "intervals": intervals.in_words(spec.interval),
        "reasons": "; ".join(map(in_words, spec.reasons)) or "none",
        "license": spec.license or "not stated",
        "provenance": spec.provenance or "not stated",
        "made with": versions or "not stated",
    }
    for name, text in lines.items():
        print(f"{name + ':':<14}{text}")
    return 0


def _serve(arguments: argparse.Namespace) -> int:
    from rankiqa.gating.quality_gate import read_gate
    from rankiqa.serve.command import create, serve

    gate = read_gate(arguments.gate) if arguments.gate else None
    scorer = _load(arguments)
    app = create(arguments, scorer)
    if gate:
        from rankiqa.serve.verdicts import add_gate

        gate.require_model(arguments.model, scorer.spec, arguments.gate)
        add_gate(app, gate, arguments.api_key is not None)
    serve(app, arguments)
    return 0


def _export_web(arguments: argparse.Namespace) -> int:
    from rankiqa.web.command import run

    return run(arguments)
