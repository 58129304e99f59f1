"""Which pictures to score: files, folders, patterns, lists and standard input, as one queue on disk."""

import glob
import io
import logging
import os
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from dataloader.image import is_picture
from deploy.results import as_text
from deploy.storage import is_url, list_pictures
from utils.errors import DataError

LISTS = (".txt", ".lst", ".list")


class PathQueue:
    """Paths in the order in which they came, each once. They lie in a temporary file, not in memory.

    Args:
        absolute: make relative paths absolute, for machines with other working folders.

    Attributes:
        unread: folders that could not be read.
    """

    def __init__(self, absolute: bool = False) -> None:
        self.unread: list[str] = []
        self._absolute = absolute
        # "" is SQLite's private database on disk, which vanishes with the connection. Names are bytes:
        # a file system's need not be UTF-8.
        self._base = sqlite3.connect("", isolation_level=None)
        self._base.execute("CREATE TABLE todo(number INTEGER PRIMARY KEY, path BLOB UNIQUE)")
        self._base.execute("CREATE TABLE walk(path BLOB PRIMARY KEY) WITHOUT ROWID")
        self._base.execute("CREATE TABLE done(path BLOB PRIMARY KEY) WITHOUT ROWID")
        self._base.create_function("as_text", 1, lambda path: as_text(os.fsdecode(path)).encode())

    def add(self, paths: Iterable[str]) -> None:
        """Append paths that are not in the queue yet."""
        self._insert("todo", paths)

    def add_sorted(self, paths: Iterable[str]) -> None:
        """Append paths in the order of their names."""
        self._insert("walk", paths)
        self._base.execute("INSERT OR IGNORE INTO todo(path) SELECT path FROM walk ORDER BY path")
        self._base.execute("DELETE FROM walk")

    def leave_out(self, paths: Iterable[str]) -> None:
        """Take paths out that are done."""
        self._insert("done", paths)
        # Rows that come from Parquet spell a name that is not UTF-8 in another way.
        self._base.execute("DELETE FROM todo WHERE path IN done OR as_text(path) IN done")
        self._base.execute("DELETE FROM done")

    def _insert(self, table: str, paths: Iterable[str]) -> None:
        self._base.execute("BEGIN")
        rows = ((os.fsencode(self._name(path)),) for path in paths)
        self._base.executemany(f"INSERT OR IGNORE INTO {table}(path) VALUES (?)", rows)
        self._base.execute("COMMIT")

    def _name(self, path: str) -> str:
        return str(Path(path).absolute()) if self._absolute and not is_url(path) else path

    def __len__(self) -> int:
        return self._base.execute("SELECT count(*) FROM todo").fetchone()[0]

    def __iter__(self) -> Iterator[str]:
        for (path,) in self._base.execute("SELECT path FROM todo ORDER BY number"):
            yield os.fsdecode(path)

    def close(self) -> None:
        """Give the disk back."""
        self._base.close()


def collect(arguments: Iterable[str], absolute: bool = False) -> PathQueue:
    """The pictures that the arguments of --predict stand for.

    A folder stands for every file below it with a picture's suffix, hidden ones left out, sorted by name; a
    pattern (`*`, `?`, `[...]`, `**`) for its matches; a .txt, .lst or .list file for its lines; `-` for the
    lines of standard input; an s3://, gs://, hdfs:// or file:// URL for the pictures below it. Any other
    name is a picture, also one that is not there: it becomes a row. A folder below that can't be read is told
    and left out.

    Args:
        arguments: as above.
        absolute: see PathQueue.

    Raises:
        DataError: a folder without pictures, a pattern without matches, or a list that can't be read.
    """
    queue = PathQueue(absolute)
    for argument in arguments:
        before = len(queue)
        if argument == "-":
            queue.add(_lines(_standard_input(), Path()))
        elif is_url(argument):
            queue.add_sorted(list_pictures(argument))
            _require_some(queue, before, f"{argument}: no pictures there")
        elif Path(argument).is_dir():
            queue.add_sorted(walk_pictures(argument, queue.unread))
            _require_some(queue, before, f"{argument}: no pictures in this folder")
        elif Path(argument).suffix.lower() in LISTS:
            _add_list(queue, Path(argument))
        elif not Path(argument).exists() and glob.has_magic(argument):
            queue.add_sorted(_matches(argument, queue.unread))
            _require_some(queue, before, f"{argument}: matches no picture")
        else:
            queue.add([argument])
    return queue


def walk_pictures(folder: str, unread: list[str]) -> Iterator[str]:
    """Every picture below `folder`, in no order; links to files are followed, links to folders are not.

    Args:
        folder: where to start.
        unread: takes the folders that can't be read.
    """
    todo = [folder]
    while todo:
        place = todo.pop()
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        if not entry.name.startswith("."):
                            todo.append(entry.path)
                    elif is_picture(entry.name) and _is_file(entry):
                        yield entry.path
        except OSError as error:
            logging.warning("%s: left out, the folder can't be read (%s)", place, error.strerror)
            unread.append(place)


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link to where nobody may look: its row will say so
        return True


def _matches(pattern: str, unread: list[str]) -> Iterator[str]:
    for path in glob.iglob(pattern, recursive=True):  # noqa: PTH207  # absolute patterns too
        if Path(path).is_dir():
            yield from walk_pictures(path, unread)
        elif is_picture(Path(path).name):
            yield path


def _add_list(queue: PathQueue, path: Path) -> None:
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
            queue.add(_lines(file, path.parent))
    except OSError as error:
        raise DataError(f"{path}: the list can't be read ({error.strerror})") from error


def _standard_input() -> Iterable[str]:
    """The lines of standard input, with names that need not be UTF-8."""
    if isinstance(sys.stdin, io.TextIOWrapper) and sys.stdin.errors != "surrogateescape":
        sys.stdin.reconfigure(errors="surrogateescape")
    return sys.stdin


def _lines(lines: Iterable[str], folder: Path) -> Iterator[str]:
    """Paths, one a line; one that is not there is tried beside the list. Blank lines and # are skipped."""
    for line in lines:
        name = line.rstrip("\r\n")
        if name.strip() and not name.startswith("#"):
            beside = folder / name
            yield str(beside) if not os.path.lexists(name) and beside.exists() else name


def _require_some(queue: PathQueue, before: int, message: str) -> None:
    if len(queue) == before:
        raise DataError(message)
