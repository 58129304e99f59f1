"""A file that only grows and survives a kill: what an unfinished run has done so far."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from rankiqa.errors import DataError

BLOCK = 65536  # bytes read at once from the end


def whole_lines(path: Path) -> int:
    """Size in bytes of a file without what follows the last end of a line."""
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


def _lock(file: IO[bytes], path: Path) -> None:
    """Hold the file for this process, until it is closed, where the system and its disk can do that."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DataError(f"{path}: another run writes it; wait for its end, or take another output") from error
    except OSError:  # a disk of the network without locks
        return


class AppendLog:
    """Append-only text file (UTF-8, LF) that a run fills and a later run resumes.

    A killed run loses at most the record that it was writing: the rest of it is cut off when the file is
    opened again.

    Args:
        path: of the file; its folder is made if it is not there.
        resume: keep what is there; otherwise the file starts empty.
        measure: how many bytes of the file that is there can be kept; by default all whole lines.
        durable: what is appended survives a crash of the machine, too: each record waits for the disk.

    Raises:
        DataError: another run writes the file.

    Attributes:
        resumed: whether something of an earlier run was kept.
    """

    def __init__(
        self,
        path: Path,
        resume: bool = True,
        measure: Callable[[Path], int] = whole_lines,
        durable: bool = False,
    ) -> None:
        self.path, self._durable = path, durable
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")
        try:
            _lock(self._file, path)
            if path.is_file():  # not a device
                os.truncate(path, measure(path) if resume else 0)
        except BaseException:
            self._file.close()
            raise
        self._file.seek(0, os.SEEK_END)
        self.resumed = self._file.tell() > 0

    def append(self, text: str) -> None:
        """Add whole records; they survive a kill of this process from here on.

        Raises:
            OSError: they can't be written; it names the file.
        """
        try:
            self._file.write(text.encode("utf-8", "surrogateescape"))
            self._file.flush()
            if self._durable:
                os.fsync(self._file.fileno())
        except OSError as error:
            error.filename = error.filename or str(self.path)
            raise

    def close(self) -> None:
        """Leave the file for a run that resumes."""
        with suppress(OSError):  # what could not be written, `append` has told
            self._file.close()

    def finish(self) -> None:
        """Flush the file to disk and close it: it is complete."""
        os.fsync(self._file.fileno())
        self._file.close()

    def remove(self) -> None:
        """Close and delete the file: its content is not needed any more."""
        self.close()
        self.path.unlink(missing_ok=True)
