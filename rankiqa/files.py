"""Files that are either whole or not there."""

import errno
import glob
import os
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from rankiqa.errors import ConfigError, DataError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # a full disk, a full quota, a limit of the file size


def plain_path(path: str) -> str:
    """A path of a table in its one spelling: slashes, no `.` and no doubled ones."""
    return posixpath.normpath(path.replace("\\", "/"))


@contextmanager
def atomic_write(path: str | Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """Open a file beside `path` for writing and move it there, flushed to disk, when the block ends well.

    An exception in the block, or a kill, leaves an earlier `path` as it was. Text is UTF-8 with LF. A
    device or a pipe (/dev/null, /dev/stdout) is written to as it is, and never replaced.

    Args:
        path: the file to write; its folder is made if it is not there.
        mode: "wb" for bytes, "w" for text.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    if path.exists() and not path.is_file() and not path.is_dir():
        with path.open(mode, **text) as file:  # type: ignore[call-overload]
            yield file
        return
    try:
        with partial.open(mode, **text) as file:  # type: ignore[call-overload]
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        if error.filename is None and error.errno in NO_ROOM:  # of an open file it is not said which one
            error.filename = str(path)
        raise
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()


def remove_abandoned(path: str | Path) -> None:
    """Delete what `atomic_write` of `path` left behind in processes of this machine that were killed.

    Not done by `atomic_write` itself: folders with very many files are written by it, too.
    """
    path = Path(path)
    for partial in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
        number = partial.name.split(".")[-2]
        if number.isdigit() and not _is_running(int(number)):
            with suppress(OSError):
                partial.unlink()


def _is_running(process: int) -> bool:
    if os.name == "nt":  # there is no question without consequences: signal 0 ends the process
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def write_text(path: str | Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, atomically."""
    with atomic_write(path, "w") as file:
        file.write(text)


def require_writable(folder: Path, flag: str, name: str = "") -> None:
    """Find out before hours of work whether files can be written into `folder`; nothing is left behind.

    Args:
        folder: need not be there yet.
        flag: that named it, or the file, for the message.
        name: of the one file that it is for; empty where it may get any.

    Raises:
        ConfigError: no file (of that name) can be made there, or something else lies in its place.
    """
    import tempfile

    missing: list[Path] = []
    try:
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        if name and (folder / name).is_dir():
            raise IsADirectoryError(errno.EISDIR, "there is a folder of this name")
        # The name is nearly that of atomic_write, so that one that is too long is found, too.
        with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{name}.", suffix=".partial"):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"{flag} {folder / name}: can't be written there ({reason})") from error
    finally:
        for path in missing:
            with suppress(OSError):  # not made, or in use by now
                path.rmdir()


def is_newer(made: Path, source: Path) -> bool:
    """Whether `made` is there and no older than `source`, from which it was made."""
    return made.is_file() and made.stat().st_mtime >= source.stat().st_mtime


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """The block writes `path`; a full disk, or a folder that is gone, becomes a DataError."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{path}: can't be written ({error.strerror or error})") from error
