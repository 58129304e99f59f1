"""Standard output and standard error, whatever state they are in."""

import io
import os
import sys
from contextlib import suppress
from typing import Any

from rankiqa.terminal.printable import output_errors

_lost: list[OSError] = []


class _NotingFile(io.FileIO):
    """A file that keeps in mind why it could not be written, also when a library swallows the error."""

    def write(self, data: Any, /) -> int:
        """As of FileIO."""
        try:
            return super().write(data)
        except OSError as error:
            _lost.append(error)
            raise


def open_output() -> None:
    """Make ready for any name, and for streams that the caller has closed (`>&-`, `2>&-`).

    What is printed to a closed standard output fails as it does at a full disk, and so does reading from a
    closed standard input; messages to a closed standard error vanish.
    """
    _lost.clear()
    is_own = sys.stdout is sys.__stdout__  # not one that a test or a notebook has put in its place
    if sys.stdin is None:  # its number would go to the next file that is opened
        sys.stdin = open(_reopened(0, os.O_WRONLY), encoding="utf-8")  # noqa: SIM115, PTH123
    if sys.stdout is None:
        sys.stdout = open(_reopened(1, os.O_RDONLY), "w", encoding="utf-8")  # noqa: SIM115, PTH123
    if sys.stderr is None:
        sys.stderr = open(_reopened(2, os.O_WRONLY), "w", encoding="utf-8")  # noqa: SIM115, PTH123
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors=output_errors())
        if is_own and not sys.stdout.isatty():  # a console of Windows has a writer of its own
            sys.stdout = _noting(sys.stdout)


def _noting(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    """Another stream to the file of `stream`."""
    stream.flush()
    raw = _NotingFile(stream.fileno(), "wb", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _reopened(number: int, flags: int) -> int:
    """Descriptor `number`, of the null device; opened for one direction alone, it refuses the other."""
    found = os.open(os.devnull, flags)
    if found != number:
        os.dup2(found, number)
        os.close(found)
    os.set_inheritable(number, True)
    return number


def drop_output(stream: Any, error: OSError) -> None:
    """Note that what was printed is lost, and send what is still to come nowhere."""
    if stream is sys.stdout and error not in _lost:
        _lost.append(error)
    with suppress(OSError, ValueError, AttributeError):  # a stream in memory has no descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def lost_output() -> OSError | None:
    """Why something that was printed could not be written; None if all of it could."""
    try:
        sys.stdout.flush()
    except OSError as error:
        drop_output(sys.stdout, error)
    return _lost[0] if _lost else None
