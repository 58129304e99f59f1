"""Label files that a program writes: the spelling of paths in them, and room for them."""

import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from rankiqa.batch.csv_rows import write_csv
from utils.errors import DataError

LABELS = "label.txt"


def label_path(path: Path) -> str:
    """`path` as the labels spell it: relative to the working directory where it lies below, with slashes."""
    full, here = Path(os.path.abspath(path)), Path.cwd()  # noqa: PTH100 - resolve() would leave a linked data/
    return full.relative_to(here).as_posix() if full.is_relative_to(here) else full.as_posix()


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """`rows` as CSV."""
    text = io.StringIO()
    write_csv(text, rows)
    return text.getvalue()


def first_line(file: Path) -> str:
    """The first line of a text file, by which a program knows its own; "" where there is no such file."""
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            return lines.readline()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def put_aside(file: Path) -> Path:
    """New path of a file that another program or a person wrote: NAME.1.txt, or the next free number.

    Raises:
        DataError: a thousand of them are there.
    """
    for number in range(1, 1000):
        free = file.with_name(f"{file.stem}.{number}{file.suffix}")
        if not free.exists():
            return file.rename(free)
    raise DataError(f"{file}: was not written by this program, and could not be renamed; move it away")
