"""`rankiqa gate fit` and `rankiqa gate check`: flags and what they start."""

import argparse
from collections.abc import Callable
from pathlib import Path

from rankiqa.decoding.limits import MAX_PIXELS
from rankiqa.scorer import Scorer
from rankiqa.terminal.argument_types import bounded_float, pixel_count

_AT_LEAST_HALF = bounded_float(0.5, 1)


def add_flags(parser: argparse.ArgumentParser, add_model: Callable[[argparse.ArgumentParser], None]) -> None:
    """Add the two commands and their flags.

    Args:
        parser: of `rankiqa gate`.
        add_model: adds the flags that choose the model.
    """
    commands = parser.add_subparsers(dest="gate_command", required=True, metavar="COMMAND")
    formatter = argparse.ArgumentDefaultsHelpFormatter
    fit = commands.add_parser(
        "fit",
        help="find thresholds from examples of good images, with a promise on the good ones rejected",
        formatter_class=formatter,
        allow_abbrev=False,
    )
    check = commands.add_parser(
        "check",
        help="pass, reject (status 1) or unsure, for each image",
        formatter_class=formatter,
        allow_abbrev=False,
    )
    _add_fit(fit)
    _add_check(check)
    for each in (fit, check):
        add_model(each)
        each.add_argument("--max_pixels", type=pixel_count, default=MAX_PIXELS, metavar="N",
            help="images of more pixels are rejected; such as 500M")  # fmt: skip


def _add_fit(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--good", nargs="+", required=True, metavar="PATH",
        help="good examples: folders, images, patterns or .txt lists of paths")  # fmt: skip
    add("--bad", nargs="+", metavar="PATH", help="bad examples; tells how many of them the gate catches")
    add("--keep_good", type=_AT_LEAST_HALF, default=0.99, metavar="SHARE",
        help="share of good images that are not rejected, 0.5 up to but not 1")  # fmt: skip
    add("--confidence", type=_AT_LEAST_HALF, default=0.95, metavar="SHARE",
        help="confidence of the promise and of the intervals")  # fmt: skip
    add(
        "--by_reason",
        action="store_true",
        help="a threshold for each kind of damage that the model names, under one promise for all together",
    )
    add("--out", type=Path, required=True, metavar="FILE", help="the gate: .json")


def _add_check(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("paths", nargs="+", metavar="PATH",
        help="image, folder, pattern such as 'a/**/*.jpg', .txt list, URL, or - for stdin")  # fmt: skip
    add("--gate", type=Path, required=True, metavar="FILE", help="gate of rankiqa gate fit: .json")
    add("--output", type=Path, metavar="FILE", help="table of the verdicts: .csv")
    add("--junit", type=Path, metavar="FILE", help="JUnit XML, as CI systems show it")


def run(arguments: argparse.Namespace, load: Callable[[], Scorer]) -> int:
    """Do what the command line says.

    Args:
        arguments: of the parser.
        load: opens the model that they name.

    Returns:
        0; 1 when `check` rejects something.

    Raises:
        RankIQAError: bad input.
        KeyboardInterrupt: the user stopped it.
    """
    return (_fit if arguments.gate_command == "fit" else _check)(arguments, load)


def _fit(arguments: argparse.Namespace, load: Callable[[], Scorer]) -> int:
    from rankiqa.files import require_writable, writing
    from rankiqa.gating.fit import FitRequest, describe, fit_folders

    require_writable(arguments.out.parent, "--out", arguments.out.name)
    request = FitRequest(
        arguments.good,
        arguments.bad,
        arguments.keep_good,
        arguments.confidence,
        arguments.max_pixels,
        arguments.threads,
        arguments.by_reason,
    )
    gate = fit_folders(request, load(), arguments.model)
    with writing(arguments.out):
        gate.write(arguments.out)
    print("\n".join([*describe(gate), f"{arguments.out}: the gate"]))
    return 0


def _check(arguments: argparse.Namespace, load: Callable[[], Scorer]) -> int:
    from rankiqa.gating.check import CheckRequest, check_request
    from rankiqa.gating.quality_gate import read_gate

    gate = read_gate(arguments.gate)
    scorer = load()
    gate.require_model(arguments.model, scorer.spec, arguments.gate)
    request = CheckRequest(
        arguments.paths, arguments.output, arguments.junit, arguments.max_pixels, arguments.threads
    )
    return check_request(request, gate, scorer)
