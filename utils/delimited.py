"""The one strict reader of tables with a header: CSV with commas, semicolons, TABs or bars, and .xlsx.

Nothing is left out in silence: a row of another length, a column named twice, a value under no name and a
quote that swallows rows are errors that name the line. Only rows without any value are passed over.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from utils.errors import DataError
from utils.numerals import COMMA, decimal_comma, number, parse_number
from utils.text_lines import LINE_BREAK, read_records, read_text

_SEP = re.compile(r"\Asep=.(?=[\r\n])", re.IGNORECASE)  # what Excel reads and writes above the header
DELIMITERS = {",": "','", ";": "';'", "\t": "TAB", "|": "'|'"}


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table.

    Attributes:
        file: of the table.
        line: at which the row begins, from 1.
        cells: by lower-case column name.
        decimal_commas: whether numbers may have them: where commas separate the cells, they may not.
    """

    file: Path
    line: int
    cells: dict[str, str]
    decimal_commas: bool = False

    @property
    def where(self) -> str:
        """`file:line`, which opens every message."""
        return f"{self.file}:{self.line}"

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def get(self, column: str) -> str:
        """A cell, "" where the table has no such column."""
        return self.cells.get(column, "")

    def number(self, column: str) -> float:
        """A finite number; DataError where the cell holds none."""
        text = self.get(column)
        if self.decimal_commas and COMMA.fullmatch(text):
            text = text.replace(",", ".")
        return number(text, self.where, column)

    def integer(self, column: str) -> int:
        """A whole number; DataError where the cell holds none."""
        value = self.number(column)
        if not value.is_integer():
            raise DataError(f"{self.where}: {column} {self.cells[column]!r} is not a whole number")
        return int(value)


@dataclass(frozen=True)
class Table:
    """A table with a header.

    Attributes:
        file: where it was read.
        columns: the header in lower case, "" for a first column without a name.
        rows: R rows, each with a cell a column.
        delimiter: what stood between the cells.
    """

    file: Path
    columns: list[str]
    rows: list[Row]
    delimiter: str

    def numbers(self, column: str) -> np.ndarray:
        """(R,) float64 of a column of finite numbers.

        Raises:
            DataError: a cell without a number; or decimal points as well as decimal commas.
        """
        comma = next((row for row in self.rows if COMMA.fullmatch(row[column])), None)
        point = next((row for row in self.rows if "." in row[column]), None)
        if self.delimiter != "," and comma and point:
            raise DataError(
                f"{point.where}: {column} {point[column]!r} has a decimal point, but {comma[column]!r} "
                f"in line {comma.line} a decimal comma; write one of them throughout"
            )
        return np.array([row.number(column) for row in self.rows], dtype=np.float64)

    def has_decimal_commas(self, column: str) -> bool:
        """Whether `numbers` of this column reads decimal commas."""
        return self.delimiter != "," and any(COMMA.fullmatch(row[column]) for row in self.rows)


def read_table(file: Path, *needed: str) -> Table:
    """The rows of a .xlsx or of delimited text with a header; the header says which delimiter it is.

    Args:
        file: UTF-8 or UTF-16 with a byte order mark; line ends LF, CRLF or CR.
        needed: lower-case names of columns that must be there.

    Raises:
        DataError: see the top of this file; or a column of `needed` is missing.
    """
    delimiter = ","
    if file.suffix.lower() == ".xlsx":
        records = _workbook(file)
    else:
        text = _SEP.sub("", read_text(file))
        delimiter = _delimiter(text, file, needed)
        records = read_records(io.StringIO(text, newline=""), file, delimiter)
    first = next(records, None)
    if first is None:
        raise DataError(f"{file}: is empty; the first line must be a header{_like(needed)}")
    columns = [name.lower() for name in first[1]]
    _check_header(file, *first, needed)
    nameless = [place for place, name in enumerate(columns) if place and not name]
    rows = []
    for line, cells in records:
        if "\n" in "".join(cells) or "\r" in "".join(cells):
            _check_line_breaks(f"{file}:{line}", columns, cells, delimiter, needed)
        if len(cells) != len(columns):
            raise DataError(f"{file}:{line}: {_wrong_length(cells, len(columns), delimiter)}")
        for place in nameless:  # the first column may be the index that pandas writes
            if cells[place]:
                raise DataError(
                    f"{file}:{line}: {cells[place][:40]!r} stands in column {place + 1}, which has no name "
                    f"in the header{_decimal_comma(cells, delimiter)}"
                )
        rows.append(Row(file, line, dict(zip(columns, cells, strict=True)), delimiter != ","))
    return Table(file, columns, rows, delimiter)


def _delimiter(text: str, file: Path, needed: tuple[str, ...]) -> str:
    """The one with which the header has the needed columns; else the one with which it has the most."""
    found = {}
    for delimiter in DELIMITERS:
        _, cells = next(read_records(io.StringIO(text, newline=""), file, delimiter), (0, []))
        if cells and set(needed) <= {cell.lower() for cell in cells} and len(cells) > 1:
            return delimiter
        found[delimiter] = len(cells)
    return max(found, key=lambda delimiter: found[delimiter])


def _check_header(file: Path, line: int, cells: list[str], needed: tuple[str, ...]) -> None:
    columns = [cell.lower() for cell in cells]
    missing = [name for name in needed if name not in columns]
    if missing and any(parse_number(cell) is not None for cell in cells):
        raise DataError(
            f"{file}:{line}: {','.join(cells)[:60]!r} looks like a row; "
            f"the first line must be a header{_like(needed)}"
        )
    if missing and set(needed) <= set(" ".join(columns).split()):
        raise DataError(f"{file}:{line}: {' '.join(cells)[:60]!r} is separated by spaces; cells need commas")
    if missing:
        raise DataError(
            f"{file}:{line}: no column {', '.join(missing)}; the header has {', '.join(columns)[:150]}"
        )
    twice = next((name for name in columns if name and columns.count(name) > 1), None)
    if twice is not None:
        places = ", ".join(str(place) for place, name in enumerate(columns, start=1) if name == twice)
        raise DataError(f"{file}:{line}: columns {places} are all called {twice!r}; each needs its own name")


def _check_line_breaks(
    where: str, columns: list[str], cells: list[str], delimiter: str, needed: tuple[str, ...]
) -> None:
    """Line breaks may stand in a comment, but not where they are whole rows or part of what is needed."""
    names = columns if len(cells) == len(columns) else [""] * len(cells)
    for name, cell in zip(names, cells, strict=True):
        _, *further = LINE_BREAK.split(cell)
        rows = any(len(line.split(delimiter)) == len(columns) for line in further)
        if further and (rows or name in needed or not name):
            raise DataError(
                f"{where}: a quote that opens here closes only {len(further)} lines further down, so that "
                f"{name or 'a cell'} would be {cell[:40]!r}; close it in its own line"
            )


def _wrong_length(cells: list[str], expected: int, delimiter: str) -> str:
    said = f"{len(cells)} cells, but the header has {expected}: {delimiter.join(cells)[:60]!r}"
    if len(cells) > expected:
        if not cells[-1]:
            return f"{said}; the row ends in {DELIMITERS[delimiter]}, the header does not"
        hint = _decimal_comma(cells, delimiter)
        return said + (hint or f"; a cell that holds {DELIMITERS[delimiter]} needs quotes around it")
    if any(delimiter in cell for cell in cells):
        return f"{said}; quotes around a whole row hide its {DELIMITERS[delimiter]}"
    others = [name for other, name in DELIMITERS.items() if any(other in cell for cell in cells)]
    return said + (f"; is it separated by {others[0]}?" if others else "; every row needs all of them")


def _decimal_comma(cells: list[str], delimiter: str) -> str:
    if delimiter == ",":
        for whole, part in pairwise(cells):
            if hint := decimal_comma(whole, part):
                return f"; {hint}"
    return ""


def _like(needed: tuple[str, ...]) -> str:
    return f" such as '{','.join(needed)}'" if needed else ""


def _workbook(file: Path) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of the first sheet.

    Raises:
        DataError: no openpyxl, not a workbook, or cells on a second sheet.
    """
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise DataError(
            f"{file}: reading .xlsx needs one more package: pip install openpyxl; or save it as .csv"
        ) from error
    try:
        sheets = [
            (sheet.title, list(sheet.iter_rows(values_only=True)))
            for sheet in load_workbook(file, read_only=True, data_only=True).worksheets
        ]
    except Exception as error:  # zipfile, XML and openpyxl raise kinds of their own
        raise DataError(f"{file}: is not a workbook ({error})") from error
    for title, lines in sheets[1:]:
        if any(cell is not None for line in lines for cell in line):
            raise DataError(f"{file}: the sheet {title!r} has cells, too; save the one sheet to read as .csv")
    width = 0
    for line, values in enumerate(sheets[0][1] if sheets else (), start=1):
        cells = ["" if value is None else str(value).strip() for value in values]
        while len(cells) > width and not cells[-1]:  # formatted cells without content, right of the table
            cells.pop()
        width = width or len(cells)
        if any(cells):
            yield line, cells + [""] * (width - len(cells))
