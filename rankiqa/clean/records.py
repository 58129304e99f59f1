"""What was found out of each image, on disk: one line of JSON while a run lasts, a row of CSV at its end."""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any

from rankiqa.append_log import AppendLog, whole_lines
from rankiqa.batch.results import LONGEST_CELL
from rankiqa.errors import DataError


@dataclass(frozen=True)
class Record:
    """One image by itself. What is None could not be found out.

    Attributes:
        path: as it was found.
        score: higher = better.
        percentile: share in 0..100 of the model's validation scores that are lower.
        width, height: of the upright image in pixels.
        highlights, clipped, sharpness, noise, colour_noise, content, colour: see `rankiqa.clean.measures`.
        pixels: digest of the decoded pixels, 16 hexadecimal digits.
        look: hash of `rankiqa.look_alikes`, 16 hexadecimal digits.
        problem: why it could not be read, in one word, or "".
        error: the same as a sentence.
    """

    path: str
    score: float | None = None
    percentile: float | None = None
    width: int | None = None
    height: int | None = None
    highlights: float | None = None
    clipped: float | None = None
    sharpness: float | None = None
    noise: float | None = None
    colour_noise: float | None = None
    content: float | None = None
    colour: float | None = None
    pixels: str = ""
    look: str = ""
    problem: str = ""
    error: str = ""

    @property
    def is_read(self) -> bool:
        """Whether its pixels were had."""
        return not self.problem


MEASURED = tuple(item.name for item in fields(Record))
_NUMBERS = {
    item.name: int if item.name in ("width", "height") else float
    for item in fields(Record)
    if "None" in str(item.type)
}


class RecordLog:
    """The records of a run, on disk, so that memory does not grow with their number.

    Args:
        path: of the log.
        resume: keep what is there.

    Raises:
        DataError: another run writes it, or it holds something else.

    Attributes:
        resumed: whether something of an earlier run was kept.
    """

    def __init__(self, path: Path, resume: bool = False) -> None:
        self.path = path
        self._log = AppendLog(path, resume, _whole_records)
        self.resumed = self._log.resumed

    def __enter__(self) -> "RecordLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._log.close()

    def append(self, records: Iterable[Record]) -> None:
        """Add records; they survive a kill from here on."""
        self._log.append("".join(json.dumps(asdict(record)) + "\n" for record in records))

    def __iter__(self) -> Iterator[Record]:
        """The records in their order, read from the disk."""
        with self.path.open("rb") as file:
            for line in file:
                yield Record(**json.loads(line))

    def remove(self) -> None:
        """Delete the log: the table holds all of it."""
        self._log.remove()


def _whole_records(path: Path) -> int:
    """The size of a log without a line that a kill tore.

    Raises:
        DataError: the file holds something else.
    """
    size = whole_lines(path)
    if not size:
        return 0
    try:
        with path.open("rb") as file:
            Record(**json.loads(file.readline()))
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: not the records of `rankiqa clean`; remove it") from error
    return size


def read_table(path: Path) -> Iterator[Record]:
    """The records in a table that `rankiqa clean --output` wrote, one at a time.

    Raises:
        DataError: it is another table.
    """
    csv.field_size_limit(LONGEST_CELL)
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        rows = csv.DictReader(file)
        if not set(MEASURED) <= set(rows.fieldnames or ()):
            raise DataError(f"{path}: not a table of `rankiqa clean`; take another --output")
        for row in rows:
            try:
                yield Record(**{name: _value(name, row[name]) for name in MEASURED})
            except (TypeError, ValueError) as error:
                raise DataError(f"{path}:{rows.line_num}: {error}; take another --output") from error


def _value(name: str, text: str) -> Any:
    if name in _NUMBERS:
        return _NUMBERS[name](text) if text else None
    if text is None:
        raise ValueError(f"no value of {name}")
    return text
