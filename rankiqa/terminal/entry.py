"""The frame of every program: its parser, its exit status, and one line for an expected error."""

import argparse
import functools
import sys
from collections.abc import Callable
from typing import ParamSpec

from rankiqa.errors import RankIQAError
from rankiqa.terminal.log import setup_console
from rankiqa.terminal.output import drop_output, lost_output, open_output
from rankiqa.terminal.printable import plain_lines

PIPE_CLOSED = 141  # 128 + SIGPIPE: what a shell reports of a program that writes to a closed pipe
Params = ParamSpec("Params")


def program(
    interrupted: str = "interrupted", quiet: bool = True
) -> Callable[[Callable[Params, int | None]], Callable[Params, int]]:
    """Decorator of the `main` of a program: it ends as `run_program` says; None is status 0.

    Args:
        interrupted, quiet: as of `run_program`.
    """

    def frame(main: Callable[Params, int | None]) -> Callable[Params, int]:
        @functools.wraps(main)
        def framed(*args: Params.args, **kwargs: Params.kwargs) -> int:
            return run_program(lambda: main(*args, **kwargs), interrupted, quiet)

        return framed

    return frame


def program_parser(description: str | None, epilog: str | None = None) -> argparse.ArgumentParser:
    """Parser of a program: the texts are shown as they are written, and a flag must be spelt in full."""
    return argparse.ArgumentParser(
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def run_program(work: Callable[[], int | None], interrupted: str = "interrupted", quiet: bool = True) -> int:
    """Exit status of a program that does `work`.

    Args:
        work: returns the status; None is 0.
        interrupted: the line after Ctrl-C.
        quiet: of what is logged, print notices and errors alone.

    Returns:
        What `work` returns; 2 after an expected error, told in one line on stderr; 130 after an interrupt;
        141, without a word, when the reader of standard output has stopped (`| head`).

    Raises:
        SystemExit: as `work` does (argparse, after --help).
        Exception: a bug, an OSError without a number of the system's among them.
    """
    open_output()
    setup_console(quiet=quiet)
    leaving: SystemExit | None = None
    try:
        status = work() or 0
    except RankIQAError as error:
        status = _tell(str(error))
    except OSError as error:
        status = _of_os_error(error)
    except KeyboardInterrupt:
        _tell(interrupted)
        status = 130
    except SystemExit as error:
        leaving, status = error, 0
    lost = lost_output()
    if isinstance(lost, BrokenPipeError):
        return PIPE_CLOSED
    if lost is not None:
        return _tell(f"standard output: can't be written ({lost.strerror or lost})")
    if leaving is not None:
        raise leaving
    return status


def _of_os_error(error: OSError) -> int:
    if error is lost_output():
        return 2  # told below
    if error.errno is None:  # of a library, such as a decoder, not of the system: a bug
        raise error
    place = f"{error.filename}: " if error.filename is not None else ""
    return _tell(f"{place}{error.strerror or error}")


def _tell(message: str) -> int:
    try:
        print(f"error: {plain_lines(message)}", file=sys.stderr)
    except OSError as error:
        drop_output(sys.stderr, error)
    return 2
