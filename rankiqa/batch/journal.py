"""Rows of scores while a run goes on.

They stand in `<output>.partial`, in the format of the output from the first row on, so that each is written
once; only Parquet, which has no readable file before its end, is put together from JSON lines. A killed run
loses at most the row that it was writing; the output itself is there whole, or not at all.
"""

import csv
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from rankiqa.batch.results import (
    COLUMNS,
    LONGEST_CELL,
    Row,
    read_rows,
    rows_as_csv,
    to_line,
    write_rows,
)
from rankiqa.errors import DataError
from rankiqa.files import atomic_write

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
        output.parent.mkdir(parents=True, exist_ok=True)
        if not resume:
            self.path.unlink(missing_ok=True)
        elif self.path.is_file() and self.path.stat().st_size:
            self._repair()
        elif output.is_file():
            self._copy(output)
        self._file = self.path.open("a", encoding="utf-8", errors="surrogateescape", newline="")
        if self._format == ".csv" and not self._file.tell():
            self._file.write(rows_as_csv([COLUMNS]))

    def append(self, rows: Iterable[Row]) -> None:
        """Add rows; they survive a kill from here on."""
        self._file.write(self._text(rows))
        self._file.flush()

    def rows(self) -> Iterator[Row]:
        """Every row, one at a time."""
        self._file.flush()
        return read_rows(self.path, suffix=self._format)

    def finish(self) -> None:
        """Make the output of the rows, and drop the journal."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        if self._output.suffix.lower() not in _OWN:
            write_rows(self._output, read_rows(self.path, suffix=self._format))
            self.path.unlink()
        elif self._output.exists() and not self._output.is_file():  # a device is written to, never replaced
            with self.path.open("rb") as rows, atomic_write(self._output) as file:
                shutil.copyfileobj(rows, file)
            self.path.unlink()
        else:
            self.path.replace(self._output)

    def close(self) -> None:
        """Leave the journal for a run that resumes."""
        with suppress(OSError):  # what could not be written, `append` has told
            self._file.close()

    def _text(self, rows: Iterable[Row]) -> str:
        if self._format == ".csv":
            return rows_as_csv(row.cells() for row in rows)
        return "".join(map(to_line, rows))

    def _copy(self, output: Path) -> None:
        with atomic_write(self.path) as file:
            if output.suffix.lower() in _OWN:
                with output.open("rb") as rows:
                    shutil.copyfileobj(rows, file)
            else:
                file.writelines(to_line(row).encode() for row in read_rows(output))
        self._repair()

    def _repair(self) -> None:
        """Cut off the row that a kill tore; rows of version 1, JSON lines for any output, are translated."""
        with self.path.open("rb") as file:
            first = file.read(1)
        if self._format == ".csv" and first == b"{":
            _cut(self.path, _whole_lines(self.path))
            with atomic_write(self.path) as file:
                rows = read_rows(self.path, suffix=".jsonl")
                file.write(rows_as_csv([COLUMNS]).encode())
                for row in rows:
                    file.write(rows_as_csv([row.cells()]).encode(errors="surrogateescape"))
        size = _whole_rows(self.path) if self._format == ".csv" else _whole_lines(self.path)
        if not size and _whole_lines(self.path):
            raise DataError(f"{self.path}: not rows of --predict; remove it or take another --output")
        _cut(self.path, size)


def _cut(path: Path, size: int) -> None:
    if size < path.stat().st_size:
        os.truncate(path, size)


def _whole_lines(path: Path) -> int:
    """The size of the file without what follows the last end of a line."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - 65536)
            file.seek(start)
            place = file.read(end - start).rfind(b"\n")
            if place >= 0:
                return start + place + 1
            end = start
    return 0


def _whole_rows(path: Path) -> int:
    """As `_whole_lines`, of CSV: an end of a line inside of quotes is no end of a row."""
    size = end = 0

    def lines() -> Iterator[str]:
        nonlocal size
        with path.open("rb") as file:
            for line in file:
                size += len(line)
                yield line.decode("utf-8", "surrogateescape")

    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(lines(), strict=True)
    before = end = 0
    try:
        for row in reader:
            if len(row) != len(COLUMNS) or (not end and row != list(COLUMNS)):
                break
            before, end = end, size
    except csv.Error:  # the quote of the last row is open
        pass
    with path.open("rb") as file:
        file.seek(max(0, end - 1))
        return end if file.read(1) in (b"\n", b"") else before
