"""votes.csv as it is written: a row per answer, on the disk before anybody hears that it is kept."""

import csv
import io
from datetime import datetime, timezone
from pathlib import Path

from rankiqa.append_log import AppendLog, whole_lines
from rankiqa.errors import DataError
from rankiqa.votes.table import ANSWERS, COLUMNS, PURPOSES, Vote, read_votes

_ANSWER, _PURPOSE = COLUMNS.index("answer"), COLUMNS.index("purpose")


class VoteLog:
    """A file of votes that is read once and then grows.

    Args:
        path: of the file; it is made if it is not there.

    Raises:
        DataError: what is there is no file of votes, lacks columns, or another process writes it.
        OSError: it can't be written.

    Attributes:
        votes: those that stand in the file, in the order of their rows.
    """

    def __init__(self, path: Path) -> None:
        self.votes: list[Vote] = []
        if path.is_file() and path.stat().st_size:
            _require_all_columns(path)
            self.votes = read_votes(path)
        self._log = AppendLog(path, measure=_readable, durable=True)
        if not self._log.resumed:
            self._log.append(_line(COLUMNS))
        elif whole_lines(path) < path.stat().st_size:  # a last row that an editor has left without its end
            self._log.append("\n")

    def append(self, rater: str, left: str, right: str, answer: str, seconds: float, purpose: str) -> None:
        """Add a row; it survives a kill, and a crash of the machine, from here on.

        Raises:
            OSError: the disk is full, or gone.
        """
        time = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._log.append(_line((time, rater, left, right, answer, f"{seconds:.3f}", purpose)))

    def close(self) -> None:
        """Leave the file for the next session."""
        self._log.close()


def _line(cells: tuple[str, ...]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    return buffer.getvalue()


def _require_all_columns(path: Path) -> None:
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        header = tuple(cell.strip().lower() for cell in next(csv.reader(file), []))
    if header != COLUMNS:
        raise DataError(
            f"{path}: its header is not {','.join(COLUMNS)}, so that no rows can be added; "
            "give a file that rankiqa label has begun, or a new name"
        )


def _readable(path: Path) -> int:
    """Bytes up to the end of the last row that `read_votes` takes, whether its line has an end or not."""
    whole = whole_lines(path)
    with path.open("rb") as file:
        file.seek(whole)
        rest = file.read().decode("utf-8", "surrogateescape")
    cells = [cell.strip() for cell in next(csv.reader([rest]), [])]
    if len(cells) != len(COLUMNS) or cells[_ANSWER] not in ANSWERS or cells[_PURPOSE] not in PURPOSES:
        return whole
    return path.stat().st_size
