"""Rows of scores: kept line by line while a run goes on, then as CSV, JSON lines or Parquet.

While a run goes on its rows stand in `<output>.partial`, a line of JSON each, in any format of the output. A
killed run loses at most the line that it was writing; the output itself is there whole, or not at all.
"""

import csv
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from deploy.optional import require
from utils.errors import DataError
from utils.files import atomic_write

ROW_GROUP = 10_000  # rows that are in memory at once while Parquet is written


@dataclass(frozen=True)
class Row:
    """What is said of one picture.

    Attributes:
        path: as it was given or found.
        score: higher = better; None where there is an error.
        percentile: share in 0..100 of the validation scores that are lower; None where the model has none.
        std: of the distribution, in ratings; None for num_classes 1.
        width, height: of the upright picture in pixels.
        error: why there is no score; empty otherwise.
    """

    path: str
    score: float | None = None
    percentile: float | None = None
    std: float | None = None
    width: int | None = None
    height: int | None = None
    error: str = ""


COLUMNS = tuple(item.name for item in fields(Row))
_NUMBERS = {"score": float, "percentile": float, "std": float, "width": int, "height": int}


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
                file.writelines(_line(row) for row in read_rows(output))
        self._file = self.path.open("a", encoding="utf-8", newline="")

    def append(self, rows: Iterable[Row]) -> None:
        """Add rows; they survive a kill from here on."""
        self._file.writelines(_line(row) for row in rows)
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
        """Leave the journal for a run that goes on."""
        self._file.close()


def _line(row: Row) -> str:
    return json.dumps(asdict(row)) + "\n"


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


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as the suffix of `path` says, atomically, a few at a time.

    Raises:
        ConfigError: Parquet without pyarrow.
    """
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        _write_parquet(path, rows)
        return
    with atomic_write(path) as raw, _text(raw) as file:
        if suffix == ".jsonl":
            file.writelines(_line(row) for row in rows)
            return
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow([_cell(value) for value in asdict(row).values()])


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file that this module wrote, one at a time.

    Raises:
        ConfigError: Parquet without pyarrow.
        DataError: the file holds something else.
    """
    suffix = path.suffix.lower()
    try:
        if suffix == ".parquet":
            parquet = require("pyarrow.parquet", f"{path}")
            with parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(ROW_GROUP):
                    yield from (Row(**values) for values in batch.to_pylist())
            return
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as text:
            if suffix == ".csv":
                yield from (_row_of_text(values) for values in csv.DictReader(text))
            else:
                yield from (Row(**json.loads(line)) for line in text)
    except (TypeError, ValueError, KeyError) as error:
        raise DataError(f"{path}: not rows of --predict ({error}); take another --output") from error


def _row_of_text(values: dict[str, str]) -> Row:
    numbers = {key: kind(values[key]) if values[key] else None for key, kind in _NUMBERS.items()}
    return Row(path=values["path"], error=values["error"], **numbers)


def _cell(value: Any) -> Any:
    """Floats in full, so that a file that is read back gives the same rows."""
    return "" if value is None else value


def _text(raw: Any) -> Any:
    import io

    class Text(io.TextIOWrapper):
        def close(self) -> None:  # the raw file is flushed to disk and closed by atomic_write
            self.flush()
            self.detach()

    return Text(raw, encoding="utf-8", errors="surrogateescape", newline="")


def _write_parquet(path: Path, rows: Iterable[Row]) -> None:
    arrow = require("pyarrow", f"--output {path}")
    parquet = require("pyarrow.parquet", f"--output {path}", "pyarrow")
    kinds = [arrow.string(), *[arrow.float64()] * 3, *[arrow.int32()] * 2, arrow.string()]
    schema = arrow.schema(list(zip(COLUMNS, kinds, strict=True)))
    with atomic_write(path) as file, parquet.ParquetWriter(file, schema) as writer:
        for group in _groups(rows, ROW_GROUP):
            values = [asdict(row) for row in group]
            for value in values:
                value["path"] = os.fsencode(value["path"]).decode(errors="backslashreplace")
            writer.write_table(arrow.Table.from_pylist(values, schema))


def _groups(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    group: list[Row] = []
    for row in rows:
        group.append(row)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
