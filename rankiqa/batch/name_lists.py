"""Lists of names of images, in a file or on standard input: one per line, or per NUL as of `find -print0`."""

import codecs
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from rankiqa.errors import DataError
from rankiqa.terminal.printable import one_line

_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)  # UTF-32 LE begins as UTF-16 LE
_WIDE_LINE = b"\0\n\0"  # the end of a line in UTF-16, after or before a letter of ASCII
_PIECE = 1 << 16  # bytes


def names_in_file(path: Path) -> Iterator[str]:
    """The names that the list in `path` holds; see `names_in`.

    Raises:
        DataError: it can't be read, or is UTF-16.
    """
    try:
        with path.open("rb") as file:
            yield from names_in(file, path.parent, str(path))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{one_line(str(path))}: the list can't be read ({reason})") from error


def names_on_standard_input() -> Iterator[str]:
    """The names on standard input; see `names_in`.

    Raises:
        DataError: it is closed, or UTF-16.
    """
    where = "standard input"
    try:
        # a StringIO in its place has no bytes
        raw = getattr(sys.stdin, "buffer", None) or io.BytesIO(os.fsencode(sys.stdin.read()))
        if raw.seekable():
            yield from names_in(raw, Path(), where)
            return
        import shutil
        import tempfile

        with tempfile.TemporaryFile() as file:  # its last byte decides about its first
            shutil.copyfileobj(raw, file)
            file.seek(0)
            yield from names_in(file, Path(), where)
    except OSError as error:
        raise DataError(f"{where}: the list can't be read ({error.strerror or error})") from error


def names_in(file: IO[bytes], folder: Path, where: str) -> Iterator[str]:
    """The names in an open list.

    Names stand one per line; blank lines and, unless a file is called so, those with a # before them are
    left; one that is not there is tried beside the list, and without spaces around it. Where it ends with a
    NUL, or holds one and no line feed, names end at a NUL and are taken as they are, with line feeds.

    Args:
        file: at its beginning; seekable.
        folder: of the list.
        where: opens the messages.

    Raises:
        DataError: the list is UTF-16 or UTF-32.
    """
    head = file.read(_PIECE)
    if head.startswith(_WIDE) or _WIDE_LINE in head:
        raise DataError(f"{one_line(where)}: the list is UTF-16 or UTF-32; save it as UTF-8")
    end = file.seek(0, os.SEEK_END)
    file.seek(max(0, end - 1))
    by_nul = file.read(1) == b"\0" or (b"\0" in head and b"\n" not in head)
    file.seek(len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0)
    if by_nul:
        yield from (os.fsdecode(name) for name in _split_at_nul(file) if name)
        return
    for line in file:
        name = _named(os.fsdecode(line.removesuffix(b"\n")), folder)
        if name is not None:
            yield name


def _split_at_nul(file: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while piece := file.read(_PIECE):
        *whole, rest = (rest + piece).split(b"\0")
        yield from whole
    yield rest


def _named(line: str, folder: Path) -> str | None:
    """The path that a line stands for; None for a blank line and a comment."""
    name = line.removesuffix("\r")
    for spelling in dict.fromkeys((line, name, name.strip())):
        for path in (spelling, os.path.join(folder, spelling)):  # noqa: PTH118  # a name may hold a NUL
            if spelling and os.path.lexists(path):
                return path
    return None if not name.strip() or name.startswith("#") else name
