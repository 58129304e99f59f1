"""Rows of scores while a run goes on.

They stand in `<output>.partial`, a line of JSON each, in any format of the output. A killed run loses at most
the line that it was writing; the output itself is there whole, or not at all.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from rankiqa.batch.results import Row, read_rows, to_line, write_rows
from rankiqa.files import atomic_write


class Journal:
    """The rows of a run, on disk.

    Args:
        output: the file that the rows are for.
        go_on: keep the rows of an interrupted run, or of `output`.
    """

    def __init__(self, output: Path, go_on: bool = False) -> None:
        self.path = output.with_name(f"{output.name}.partial")
        self._output = output
        output.parent.mkdir(parents=True, exist_ok=True)
        if not go_on:
            self.path.unlink(missing_ok=True)
        elif self.path.is_file():
            _cut_torn_line(self.path)
        elif output.is_file():
            with atomic_write(self.path, "w") as file:
                file.writelines(to_line(row) for row in read_rows(output))
        self._file = self.path.open("a", encoding="utf-8", newline="")

    def append(self, rows: Iterable[Row]) -> None:
        """Add rows; they survive a kill from here on."""
        self._file.writelines(to_line(row) for row in rows)
        self._file.flush()

    def rows(self) -> Iterator[Row]:
        """Every row, one at a time."""
        self._file.flush()
        return read_rows(self.path)

    def finish(self) -> None:
        """Write the output and drop the journal."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        write_rows(self._output, read_rows(self.path))
        self.path.unlink()

    def close(self) -> None:
        """Leave the journal for a run that resumes."""
        with suppress(OSError):  # what could not be written, `append` has told
            self._file.close()


def _cut_torn_line(path: Path) -> None:
    """Cut off what follows the last end of a line: the row that a kill tore."""
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - 65536)
            file.seek(start)
            place = file.read(end - start).rfind(b"\n")
            if place >= 0:
                end = start + place + 1
                break
            end = start
        file.truncate(end)
