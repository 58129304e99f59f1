"""Rows of scores while a run lasts.

They stand in `<output>.partial`, in the format of the output from the first row on, so that each is written
once; only Parquet, which has no readable file before its end, is put together from JSON lines. A killed run
loses at most the row that it was writing; the output itself is there whole, or not at all.
"""

import csv
import logging
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from rankiqa.append_log import AppendLog, whole_lines
from rankiqa.batch.results import (
    COLUMNS,
    LONGEST_CELL,
    Row,
    from_line,
    read_rows,
    rows_as_csv,
    to_line,
    write_rows,
)
from rankiqa.errors import DataError
from rankiqa.files import atomic_write

# headers of CSV that earlier versions wrote, the latest last
EARLIER = tuple(
    tuple(name for name in COLUMNS if name not in later)
    for later in (("low", "high", "reasons", "time"), ("low", "high", "time"))
)
FIRST_LINE = 1000  # bytes that the names of the columns fit in
_OWN = (".csv", ".jsonl")  # formats that are written row by row


class Journal:
    """The rows of a run, on disk.

    Args:
        output: the file that the rows are for.
        resume: keep the rows of an interrupted run, or of `output`.

    Raises:
        DataError: `output` or its `.partial`, which are to be kept, hold something else.
    """

    def __init__(self, output: Path, resume: bool = False) -> None:
        self.path = output.with_name(f"{output.name}.partial")
        self._output = output
        # what rows are written as
        self._format = output.suffix.lower() if output.suffix.lower() in _OWN else ".jsonl"
        if resume and self.path.is_file():
            self._translate_earlier()
        elif resume and output.is_file():
            self._copy(output)
            self._translate_earlier()
        elif not resume and self.path.is_file():
            logging.warning(
                "%s: the rows of an interrupted run are removed; --skip_done continues with them", self.path
            )
        self._log = AppendLog(self.path, resume, self._whole_size)
        if self._format == ".csv" and not self._log.resumed:
            self._log.append(rows_as_csv([COLUMNS]))

    def append(self, rows: Iterable[Row]) -> None:
        """Add rows; they survive a kill from here on."""
        is_csv = self._format == ".csv"
        self._log.append(rows_as_csv(row.cells() for row in rows) if is_csv else "".join(map(to_line, rows)))

    def rows(self) -> Iterator[Row]:
        """Every row, one at a time."""
        return read_rows(self.path, suffix=self._format)

    def finish(self) -> None:
        """Make the output of the rows, and drop the journal."""
        self._log.finish()
        if self._output.suffix.lower() not in _OWN:
            write_rows(self._output, self.rows())
            self.path.unlink()
        elif self._output.exists() and not self._output.is_file():  # a device is written to, never replaced
            with self.path.open("rb") as rows, atomic_write(self._output) as file:
                shutil.copyfileobj(rows, file)
            self.path.unlink()
        else:
            self.path.replace(self._output)

    def close(self) -> None:
        """Leave the journal for a run that resumes."""
        self._log.close()

    def _copy(self, output: Path) -> None:
        if output.suffix.lower() in _OWN:
            self._whole_size(output)  # another table is refused before it is copied
        with atomic_write(self.path) as file:
            if output.suffix.lower() in _OWN:
                with output.open("rb") as rows:
                    shutil.copyfileobj(rows, file)
            else:
                file.writelines(to_line(row).encode() for row in read_rows(output))

    def _translate_earlier(self) -> None:
        """Version 1 kept JSON lines, whatever the output was to be; CSV of earlier ones has fewer columns."""
        if self._format != ".csv":
            return
        with self.path.open("rb") as file:
            is_json = file.read(1) == b"{"
        if not is_json and _header(self.path) not in EARLIER:
            return
        os.truncate(self.path, whole_lines(self.path) if is_json else _whole_rows(self.path))
        with atomic_write(self.path) as file:
            file.write(rows_as_csv([COLUMNS]).encode())
            for row in read_rows(self.path, suffix=".jsonl" if is_json else ".csv"):
                file.write(rows_as_csv([row.cells()]).encode(errors="surrogateescape"))

    def _whole_size(self, path: Path) -> int:
        """The size of a table without a row that a kill tore."""
        size = _whole_rows(path) if self._format == ".csv" else whole_lines(path)
        is_foreign = not size and (whole_lines(path) or (path == self._output and path.stat().st_size))
        if is_foreign or (size and self._format == ".jsonl" and not _begins_with_a_row(path)):
            raise DataError(f"{path}: not a table of scores; remove it or take another --output")
        return size


def _begins_with_a_row(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="surrogateescape") as file, suppress(TypeError, ValueError):
        return isinstance(from_line(file.readline()), Row)
    return False


def _header(path: Path) -> tuple[str, ...]:
    with path.open("rb") as file:
        return tuple(file.readline(FIRST_LINE).decode("utf-8", "replace").rstrip("\r\n").split(","))


def _whole_rows(path: Path) -> int:
    """As `whole_lines`, of CSV: an end of a line inside of quotes is no end of a row."""
    size = 0

    def lines() -> Iterator[str]:
        nonlocal size
        with path.open("rb") as file:
            for line in file:
                size += len(line)
                yield line.decode("utf-8", "surrogateescape")

    csv.field_size_limit(LONGEST_CELL)
    header = _header(path)
    columns = list(header if header in EARLIER else COLUMNS)
    reader = csv.reader(lines(), strict=True)
    before = end = 0
    try:
        for row in reader:
            if len(row) != len(columns) or (not end and row != columns):
                break
            before, end = end, size
    except csv.Error:  # the quote of the last row is open
        pass
    with path.open("rb") as file:
        file.seek(max(0, end - 1))
        return end if file.read(1) in (b"\n", b"") else before
