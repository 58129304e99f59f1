"""Files of text as lines, and as the records of CSV: what is not text, and broken quotes, are errors."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from utils.errors import DataError

LINE_BREAK = re.compile(r"\r\n|\r|\n")
_OTHER_FILES = {
    b"PK\x03\x04": "a workbook or an archive; save the table as 'CSV UTF-8'",
    b"\xd0\xcf\x11\xe0": "an old workbook (.xls); save the table as 'CSV UTF-8'",
    b"version https://git-lfs": "a Git LFS pointer, not the table itself; get it by git lfs pull",
}


def read_text(file: Path) -> str:
    """The whole of a file of text, without its byte order mark.

    Raises:
        DataError: it can't be read, is a web page or another kind of file, or is neither UTF-8 nor UTF-16.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"{file}: can't be read ({error.strerror})") from error
    other = next((what for start, what in _OTHER_FILES.items() if content.startswith(start)), None)
    if other is not None:
        raise DataError(f"{file}: is not text but {other}")
    coding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(coding)
    except UnicodeDecodeError as error:
        line = len(re.split(rb"\r\n|\r|\n", content[: error.start]))
        raise DataError(
            f"{file}:{line}: is not text ({error.reason} at byte {error.start}, "
            f"0x{content[error.start]:02x}); save the table as UTF-8, or unpack it"
        ) from error
    if "\0" in text:
        line = len(LINE_BREAK.split(text[: text.index("\0")]))
        raise DataError(f"{file}:{line}: is not text (a NUL byte); save the table as UTF-8")
    if text.lstrip()[:15].lower().startswith(("<!doctype", "<html")):
        raise DataError(
            f"{file}: is a web page that was saved under this name, not a table; "
            "download the raw file instead"
        )
    return text


def read_lines(file: Path) -> Iterator[tuple[int, str]]:
    """(line number, stripped text) of every line that is not blank; see `read_text`."""
    for line, text in enumerate(io.StringIO(read_text(file), newline=""), start=1):
        if text.strip():
            yield line, text.strip()


def read_columns(file: Path, fields: int, form: str = "") -> Iterator[tuple[int, list[str]]]:
    """(line number, words) of lines of exactly `fields` words, separated by spaces or TABs.

    Raises:
        DataError: a line of another length; `form` is an example of a right one.
    """
    for line, text in read_lines(file):
        words = text.split()
        if len(words) != fields:
            like = f", such as {form!r}" if form else ""
            raise DataError(
                f"{file}:{line}: {len(words)} columns, but this format has {fields}{like}: {text[:60]!r}"
            )
        yield line, words


def read_records(lines: Iterable[str], file: Path, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """(line at which it begins, stripped cells) of every record of CSV that is not blank.

    Args:
        lines: with their line ends, as a file opened with newline="" gives them.
        file: for messages.
        delimiter: one character.

    Raises:
        DataError: a quote that is not closed, or not where a cell ends.
    """
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(f"{file}:{line}: {_broken_quote(error, line, reader.line_num)}") from error
        if any(cells):
            yield line, cells


def _broken_quote(error: csv.Error, line: int, last: int) -> str:
    if "unexpected end" in str(error):
        return "the quote that opens in this line is never closed"
    if "field larger" in str(error):
        return f"{error}; is a quote that opens in this line never closed?"
    if last > line:
        return (
            f"the quote that opens in this line is closed only in line {last}, in the middle of a cell "
            f"({error}); close it in its own line"
        )
    return f'broken quotes ({error}); a cell with a comma is written "a,b.png"'
