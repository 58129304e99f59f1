"""Which images to score: files, folders, patterns, lists and standard input, as one queue on disk."""

import glob
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rankiqa.batch.folders import LeftOut, walk_images
from rankiqa.batch.name_lists import names_in_file, names_on_standard_input
from rankiqa.batch.patterns import match_images
from rankiqa.batch.results import as_text
from rankiqa.batch.storage import is_url, list_images
from rankiqa.errors import DataError
from rankiqa.terminal.printable import one_line

LISTS = (".txt", ".lst", ".list")


class PathQueue:
    """Paths in the order in which they came, each once. They lie in a temporary file, not in memory.

    Args:
        absolute: make relative paths absolute, for machines with other working folders.

    Attributes:
        left_out: what folders, patterns and URLs hold beside images.
    """

    def __init__(self, absolute: bool = False) -> None:
        self.left_out = LeftOut()
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
        with _room():
            self._insert("todo", paths)

    def add_sorted(self, paths: Iterable[str]) -> int:
        """Append paths in the order of their names; how many there were, with those that are in the queue."""
        with _room():
            self._insert("walk", paths)
            count = self._base.execute("SELECT count(*) FROM walk").fetchone()[0]
            self._base.execute("INSERT OR IGNORE INTO todo(path) SELECT path FROM walk ORDER BY path")
            self._base.execute("DELETE FROM walk")
        return count

    def leave_out(self, paths: Iterable[str]) -> None:
        """Take paths out that are done."""
        with _room():
            self._insert("done", paths)
            # Rows that come from Parquet spell a name that is not UTF-8 in another way.
            self._base.execute("DELETE FROM todo WHERE path IN done OR as_text(path) IN done")
            self._base.execute("DELETE FROM done")

    def _insert(self, table: str, paths: Iterable[str]) -> None:
        self._base.execute("BEGIN")
        rows = ((_bytes_of(self._name(path)),) for path in paths)
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


@contextmanager
def _room() -> Iterator[None]:
    """A full disk below SQLite becomes a DataError."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise DataError(
            f"the list of images finds no room in the folder for temporary files ({error}); "
            "SQLITE_TMPDIR names another folder"
        ) from error


def _bytes_of(path: str) -> bytes:
    """A path as the file system has it.

    What no name can hold is spelt otherwise, once and for all, so that every format can hold the row of it: a
    NUL by the four characters of its escape, half of a surrogate pair by three bytes.
    """
    try:
        name = os.fsencode(path)
    except UnicodeEncodeError:
        name = path.encode(errors="surrogatepass")
    return name.replace(b"\0", rb"\x00")


def collect(arguments: Iterable[str], absolute: bool = False, videos: bool = False) -> PathQueue:
    """The images that the arguments of --predict stand for.

    A folder stands for the images below it, sorted by name (`rankiqa.batch.folders` has the rule); a pattern
    (`*`, `?`, `[...]`, `**`) for its matches; a .txt, .lst or .list file for its names; `-` for the names
    on standard input; an s3://, gs://, hdfs:// or file:// URL for the images below it. Any other name is an
    image, also one that is not there: it becomes a row. What is left out is told.

    Args:
        arguments: as above.
        absolute: see PathQueue.
        videos: take the videos of folders, patterns and URLs, too; one that is named is always taken.

    Raises:
        DataError: a folder without images, a pattern without matches, or a list that can't be read.
    """
    queue = PathQueue(absolute)
    for argument in arguments:
        left_out = LeftOut(videos)
        if argument == "-":
            queue.add(names_on_standard_input())
        elif is_url(argument):
            found = queue.add_sorted(list_images(argument, left_out))
            _require_some(found, f"{argument}: no images there", left_out)
        elif os.path.isdir(argument):  # noqa: PTH112  # a name too long for the disk is False, not OSError
            found = queue.add_sorted(walk_images(argument, left_out))
            _require_some(found, f"{argument}: no images in this folder", left_out)
        elif os.path.splitext(argument)[1].lower() in LISTS:  # noqa: PTH122
            queue.add(names_in_file(Path(argument)))
        elif glob.has_magic(argument) and not os.path.lexists(argument):
            found = queue.add_sorted(match_images(argument, left_out))
            _require_some(found, f"{argument}: matches no image", left_out)
        else:
            queue.add([argument])
        left_out.tell(argument)
        queue.left_out.add(left_out)
    return queue


def _require_some(found: int, message: str, left_out: LeftOut) -> None:
    if not found:
        unread = [f"can't read {folder} ({why})" for folder, why in left_out.unread]
        reasons = "; ".join([*([f"left out: {left_out}"] if left_out.counts else []), *unread])
        raise DataError(one_line(f"{message} ({reasons})" if reasons else message))
