"""votes.csv: one row per answer to "which of these two images is better?"; no row is dropped in silence.

The columns `left`, `right` and `answer` must be there; `time`, `rater`, `seconds` and `purpose` may be.
"""

import csv
import io
import logging
import math
import posixpath
from dataclasses import dataclass
from pathlib import Path

from rankiqa.errors import DataError
from rankiqa.terminal.printable import one_line

COLUMNS = ("time", "rater", "left", "right", "answer", "seconds", "purpose")
NEEDED = ("left", "right", "answer")
CHOSEN, RANDOM, REPEAT, MIRROR = PURPOSES = ("chosen", "random", "repeat", "mirror")
LEFT, RIGHT, TIE, SKIP, UNDO = ANSWERS = ("left", "right", "tie", "skip", "undo")
SHARES = {LEFT: 1.0, TIE: 0.5, RIGHT: 0.0}  # of the left image

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Vote:
    """An answer that was not undone.

    Attributes:
        left: path of the image on the left, with slashes, relative to the folder that was labelled.
        right: of the other one.
        answer: "left", "right", "tie" or "skip": what is better.
        rater: name, "" where unknown.
        time: UTC, ISO 8601, "" where unknown.
        seconds: from showing to answer, NaN where unknown.
        purpose: why the pair was shown, one of `PURPOSES`, "" where unknown.
        line: of the file, from 1.
    """

    left: str
    right: str
    answer: str
    rater: str = ""
    time: str = ""
    seconds: float = math.nan
    purpose: str = ""
    line: int = 0


def read_votes(path: Path) -> list[Vote]:
    """The votes in the order in which they were given; those that were undone are not among them.

    The end of a row that was cut by a kill is left out, with a notice.

    Raises:
        DataError: the file can't be read, has no such header, a row breaks the format (the first one is
            named, further ones are counted), or an "undo" has nothing to undo.
    """
    text = _text(path)
    records = _records(text, path)
    if not records:
        raise DataError(f"{path}: is empty; the first line must be a header such as '{','.join(COLUMNS)}'")
    (line, header), *rows = records
    columns = _columns(header, f"{path}:{line}")
    last = rows[-1][0] if rows and not text.endswith(("\n", "\r")) else 0
    votes: list[Vote] = []
    wrong: list[str] = []
    for line, cells in rows:
        try:
            votes.append(_vote(cells, columns, line))
        except ValueError as error:
            if line == last:
                _log.warning("%s:%d: the last row was cut while it was written; it is left out", path, line)
            else:
                wrong.append(f"{path}:{line}: {error}")
    if wrong:
        further = f" ({len(wrong) - 1} more such rows)" if len(wrong) > 1 else ""
        raise DataError(wrong[0] + further)
    return _without_undone(votes, path)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig", "surrogateescape")
    except OSError as error:
        raise DataError(f"{path}: the votes can't be read ({error.strerror})") from error


def _records(text: str, path: Path) -> list[tuple[int, list[str]]]:
    """(line at which it begins, stripped cells) of every record that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    records, line = [], 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                records.append((line, [cell.strip() for cell in cells]))
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}:{line}: is no row of CSV ({error}); save the votes as UTF-8 CSV") from error
    return records


def _columns(header: list[str], where: str) -> list[str]:
    columns = [name.lower() for name in header]
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        raise DataError(
            f"{where}: no column {', '.join(missing)} in the header {one_line(','.join(header))[:80]!r}; "
            f"needed are {','.join(NEEDED)}, separated by commas"
        )
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{where}: two columns are called {twice!r}; each needs its own name")
    unused = [name or "one without a name" for name in columns if name not in COLUMNS]
    if unused:
        _log.warning("%s: columns that are not used: %s", where, one_line(", ".join(unused)))
    return columns


def _vote(cells: list[str], columns: list[str], line: int) -> Vote:
    """The vote of a row; ValueError says what is wrong with it."""
    if len(cells) != len(columns):
        raise ValueError(
            f"{len(cells)} cells, but the header has {len(columns)}: {one_line(','.join(cells))[:80]!r}; "
            "a path with a comma needs quotes around it"
        )
    row = dict(zip(columns, cells, strict=True))
    answer, purpose = row["answer"].lower(), row.get("purpose", "").lower()
    if answer not in ANSWERS:
        raise ValueError(f"the answer {one_line(row['answer'])!r} is none of {', '.join(ANSWERS)}")
    if purpose not in ("", *PURPOSES):
        raise ValueError(f"the purpose {one_line(purpose)!r} is none of {', '.join(PURPOSES)}")
    left, right = (_plain(row[side], side) for side in (LEFT, RIGHT))
    if left == right:
        raise ValueError(f"{one_line(left)!r} is compared with itself; a vote needs two images")
    seconds = _seconds(row.get("seconds", ""))
    return Vote(left, right, answer, row.get("rater", ""), row.get("time", ""), seconds, purpose, line)


def _plain(path: str, side: str) -> str:
    """Two spellings of a path are one image."""
    if not path:
        raise ValueError(f"the path {side} is empty; every vote needs the paths of two images")
    return posixpath.normpath(path.replace("\\", "/"))


def _seconds(text: str) -> float:
    if not text:
        return math.nan
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ValueError(f"seconds {one_line(text)!r} is not a number of 0 or more")
    return seconds


def _without_undone(votes: list[Vote], path: Path) -> list[Vote]:
    """The answers that stand; an "undo" takes back its rater's latest answer that stands."""
    standing: dict[str, list[Vote]] = {}
    for vote in votes:
        answers = standing.setdefault(vote.rater, [])
        if vote.answer != UNDO:
            answers.append(vote)
            continue
        if not answers or {answers[-1].left, answers[-1].right} != {vote.left, vote.right}:
            raise DataError(
                f"{path}:{vote.line}: undoes {one_line(vote.left)!r} against {one_line(vote.right)!r}, which "
                f"is not the latest answer of {one_line(vote.rater) or 'this rater'!r}"
            )
        answers.pop()
    return sorted((vote for answers in standing.values() for vote in answers), key=lambda vote: vote.line)
