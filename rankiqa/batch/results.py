"""Rows of scores as CSV, JSON lines or Parquet."""

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from rankiqa.batch.csv_rows import write_csv
from rankiqa.errors import DataError
from rankiqa.files import atomic_write
from rankiqa.optional import require
from rankiqa.terminal.printable import one_line

TABLES = (".csv", ".jsonl", ".parquet")
LONGEST_CELL = 2**31 - 1  # characters: what a list gives as a name may be anything
ROW_GROUP = 10_000  # rows that are in memory at once while Parquet is written


@dataclass(frozen=True)
class Row:
    """What is said of one image.

    Attributes:
        path: as it was given or found.
        score: higher = better; None where there is an error.
        percentile: share in 0..100 of the validation scores that are lower; None where the model has none.
        low, high: ends of the interval around the score in which the label of such an image lies; None where
            the model has none.
        std: of the distribution, in ratings; None for num_classes 1.
        reasons: what is wrong with it, in words, the strongest first, joined by "; "; empty where nothing is,
            or the model can't say.
        width, height: of the upright image in pixels.
        error: why there is no score; empty otherwise.
        strengths: of all families of damage, see `rankiqa.scorer.Scores`; in memory alone.
        time: of a frame of a video, seconds from the first one; None for an image.
    """

    path: str
    score: float | None = None
    percentile: float | None = None
    std: float | None = None
    width: int | None = None
    height: int | None = None
    error: str = ""
    reasons: str = ""
    low: float | None = None
    high: float | None = None
    strengths: Sequence[float] = field(default=(), compare=False, repr=False)
    time: float | None = None

    def cells(self) -> list[Any]:
        """The values in the order of COLUMNS."""
        return [getattr(self, name) for name in COLUMNS]


def name_of(row: Row) -> str:
    """The path of an image on one line; of a frame of a video with its time."""
    return one_line(row.path) + ("" if row.time is None else f" at {row.time:g} s")


class Counts:
    """How many rows have a score, and how many an error."""

    def __init__(self) -> None:
        self.good = self.bad = 0

    def paths_of(self, rows: Iterable[Row]) -> Iterator[str]:
        """The path of each row, which is counted as it passes."""
        for row in rows:
            self.add([row])
            yield row.path

    def add(self, rows: Iterable[Row]) -> None:
        """Count some rows."""
        for row in rows:
            self.bad += bool(row.error)
            self.good += not row.error


COLUMNS = ("path", "score", "percentile", "low", "high", "std", "reasons", "width", "height", "error", "time")
_NUMBERS = {"score": float, "percentile": float, "std": float, "width": int, "height": int}
_LATER = {"low": float, "high": float, "time": float}  # rows of an earlier version have none, and no reasons


def to_line(row: Row) -> str:
    """A line of JSON."""
    return json.dumps(dict(zip(COLUMNS, row.cells(), strict=True))) + "\n"


def from_line(line: str) -> Row:
    """The row of `to_line`.

    Raises:
        TypeError, ValueError: another line.
    """
    return Row(**json.loads(line))


def as_text(path: str) -> str:
    """A path as Parquet, which holds Unicode alone, spells it; only one that is not UTF-8 changes."""
    return os.fsencode(path).decode(errors="backslashreplace")


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
            file.writelines(to_line(row) for row in rows)
            return
        # floats in full, so that a file that is read back gives the same rows
        write_csv(file, chain([COLUMNS], (row.cells() for row in rows)))


def rows_as_csv(rows: Iterable[Sequence[Any]]) -> str:
    """Rows of cells as text; see `write_csv`."""
    text = io.StringIO(newline="")
    write_csv(text, rows)
    return text.getvalue()


def read_rows(path: Path, columns: Sequence[str] | None = None, suffix: str | None = None) -> Iterator[Row]:
    """The rows of a file that this module wrote, one at a time.

    Args:
        path: of any of the formats.
        columns: of Parquet, those to read, with `path` among them; the others are left at their defaults.
        suffix: of the format, where `path` ends otherwise.

    Raises:
        ConfigError: Parquet without pyarrow.
        DataError: the file holds something else.
    """
    suffix = suffix or path.suffix.lower()
    try:
        if suffix == ".parquet":
            parquet = require("pyarrow.parquet", f"{path}")
            with parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(ROW_GROUP, columns=columns):
                    yield from (Row(**values) for values in batch.to_pylist())
            return
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as text:
            if suffix == ".csv":
                csv.field_size_limit(LONGEST_CELL)
                yield from map(_row_of_text, csv.DictReader(text))
            else:
                yield from map(from_line, text)
    except (TypeError, ValueError, KeyError, csv.Error) as error:
        raise DataError(f"{path}: not rows of --predict ({error}); take another --output") from error


def _row_of_text(values: dict[str, str]) -> Row:
    if None in values or None in values.values():
        raise ValueError(f"another number of columns in the row of {values.get('path')}")
    numbers: dict[str, Any] = {
        key: kind(values[key]) if values[key] else None for key, kind in _NUMBERS.items()
    }
    numbers |= {key: kind(values[key]) if values.get(key) else None for key, kind in _LATER.items()}
    return Row(path=values["path"], error=values["error"], reasons=values.get("reasons", ""), **numbers)


def _text(raw: Any) -> Any:
    class Text(io.TextIOWrapper):
        def close(self) -> None:  # the raw file is flushed to disk and closed by atomic_write
            self.flush()
            self.detach()

    return Text(raw, encoding="utf-8", errors="surrogateescape", newline="")


def _write_parquet(path: Path, rows: Iterable[Row]) -> None:
    arrow = require("pyarrow", f"--output {path}")
    parquet = require("pyarrow.parquet", f"--output {path}", "pyarrow")
    kinds = [arrow.string(), *[arrow.float64()] * 5, arrow.string(), *[arrow.int32()] * 2, arrow.string()]
    kinds.append(arrow.float64())
    schema = arrow.schema(list(zip(COLUMNS, kinds, strict=True)))
    with atomic_write(path) as file, parquet.ParquetWriter(file, schema) as writer:
        for group in _groups(rows, ROW_GROUP):
            values = [dict(zip(COLUMNS, row.cells(), strict=True)) for row in group]
            for value in values:
                value["path"] = as_text(value["path"])
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
