"""A file that only grows, whose lines survive a kill: what an unfinished run has done so far."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

BLOCK = 65536  # bytes read at once from the end


class AppendLog:
    """Append-only text file (UTF-8, LF) that a run fills and a later run resumes.

    A killed run loses at most the line that it was writing: a last line without an end is cut off.

    Args:
        path: of the file; its folder is made if it is not there.
        resume: keep the lines that are there; otherwise the file starts empty.
        accept: called with each line there, its end included, in order; the first one that it refuses is cut
            off with all that follow. None: all are kept, and none is read.
    """

    def __init__(self, path: Path, resume: bool = True, accept: Callable[[str], bool] | None = None) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        if not resume:
            path.unlink(missing_ok=True)
        elif path.is_file():
            with path.open("r+b") as file:
                file.truncate(_end_of_whole_lines(path) if accept is None else _end_of_accepted(path, accept))
        self._file = path.open("ab")
        self.resumed = self._file.tell() > 0  # whether lines of an earlier run were kept

    def append(self, lines: Iterable[str]) -> None:
        """Add lines, each with its end; they survive a kill of this process from here on.

        Raises:
            OSError: they can't be written; it names the file.
        """
        try:
            self._file.writelines(line.encode() for line in lines)
            self._file.flush()
        except OSError as error:
            error.filename = error.filename or str(self.path)
            raise

    def lines(self) -> Iterator[str]:
        """Every line with its end, one at a time."""
        with self.path.open(encoding="utf-8", newline="\n") as file:
            yield from file

    def close(self) -> None:
        """Leave the file for a run that resumes."""
        with suppress(OSError):  # what could not be written, `append` has told
            self._file.close()

    def remove(self) -> None:
        """Close and delete the file: its content is not needed any more."""
        self.close()
        self.path.unlink(missing_ok=True)

    def move_to(self, target: Path) -> None:
        """Close the file and make it `target`, flushed to disk: `target` is there whole, or not at all."""
        os.fsync(self._file.fileno())
        self._file.close()
        self.path.replace(target)


def _end_of_accepted(path: Path, accept: Callable[[str], bool]) -> int:
    """Bytes of the lines before the first that is torn, no UTF-8 or refused."""
    end = 0
    with path.open("rb") as file:
        for line in file:
            try:
                if not line.endswith(b"\n") or not accept(line.decode()):
                    break
            except UnicodeDecodeError:
                break
            end += len(line)
    return end


def _end_of_whole_lines(path: Path) -> int:
    """Bytes up to and with the last end of a line, found from the end of the file."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - BLOCK)
            file.seek(start)
            place = file.read(end - start).rfind(b"\n")
            if place >= 0:
                return start + place + 1
            end = start
    return 0
