"""Rows of CSV that every reader of CSV takes apart as they were put together."""

import csv
from collections.abc import Iterable, Sequence
from typing import IO, Any


def write_csv(file: IO[Any], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows with LF at their ends, each quoted where that is needed; None is an empty cell.

    Python's writer quotes a carriage return alone only from 3.13 on; without quotes it ends the row.
    """
    plain = csv.writer(file, lineterminator="\n")
    quoted = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        (quoted if any(isinstance(cell, str) and "\r" in cell for cell in row) else plain).writerow(row)
