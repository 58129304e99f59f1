"""Logging: plain lines for people on the terminal, the same with time stamps in a file."""

import logging
import sys
from contextlib import suppress
from pathlib import Path

from rankiqa.terminal.output import drop_output
from rankiqa.terminal.printable import plain_lines

_ours: list[logging.Handler] = []


def setup_console(quiet: bool = False) -> None:
    """Send the root logger to the terminal: information to stdout, notices and warnings to stderr.

    Args:
        quiet: only warnings; for the processes of a distributed run that are not the first.
    """
    root = logging.getLogger()
    for old in _ours:
        root.removeHandler(old)
    root.setLevel(logging.WARNING if quiet else logging.INFO)
    out = _TerminalHandler(sys.stdout)
    out.addFilter(lambda record: record.levelno < logging.WARNING)
    out.setFormatter(_PlainFormatter())
    err = _TerminalHandler(sys.stderr)
    err.setLevel(logging.WARNING)
    err.setFormatter(_PrefixFormatter())
    _ours[:] = [out, err, _Early()]
    for handler in _ours:
        root.addHandler(handler)
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").addFilter(_first_line)


def add_file(path: Path) -> logging.Handler:
    """Write everything that is logged to `path` as well, from `setup_console` on; close it with `remove`."""
    handler = _FileHandler(path, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for early in [h for h in logging.getLogger().handlers if isinstance(h, _Early)]:
        early.hand_over(handler)
    logging.getLogger().addHandler(handler)
    return handler


def remove(handler: logging.Handler) -> None:
    """Undo `add_file`."""
    logging.getLogger().removeHandler(handler)
    with suppress(OSError):  # no room for the last line
        handler.close()


class _TerminalHandler(logging.StreamHandler):
    """Lines that a closed pipe or a full disk may swallow: the work they tell of continues without them."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the library's name
        """Called inside the `except` block of a line that could not be printed."""
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            drop_output(self.stream, error)
        else:
            super().handleError(record)


class _FileHandler(logging.FileHandler):
    """A log file whose lines may be lost on a full disk: whatever has to be written will say so."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the library's name
        """Called inside the `except` block of a line that could not be written."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


class _Early(logging.Handler):
    """Keeps what is said before the run's folder is known, for its log file."""

    def __init__(self) -> None:
        super().__init__()
        self._records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record; of a command that opens no log file, the first thousand."""
        if len(self._records) < 1000:
            self._records.append(record)

    def hand_over(self, handler: logging.Handler) -> None:
        """Give the records to `handler`, which hears the later ones by itself."""
        for record in self._records:
            handler.handle(record)
        logging.getLogger().removeHandler(self)


class _PlainFormatter(logging.Formatter):
    """A name in a message can't move the cursor or colour the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return plain_lines(super().format(record))


class _PrefixFormatter(_PlainFormatter):
    """An error starts with "error:", anything else on stderr is a notice."""

    def format(self, record: logging.LogRecord) -> str:
        prefix = "error" if record.levelno >= logging.ERROR else "notice"
        return f"{prefix}: {super().format(record)}"


def _first_line(record: logging.LogRecord) -> bool:
    """Python's warnings come with the source line below; the sentence alone is what a reader needs."""
    text = record.getMessage().splitlines()[0] if record.getMessage() else ""
    record.msg, record.args = text.split("Warning: ", 1)[-1], ()
    return True
