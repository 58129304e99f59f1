"""What a command leaves: tried before the long work, and a fault of the disk told in one line."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from utils.errors import ConfigError, DataError


def require_writable(flag: str, path: Path) -> None:
    """Make the folder of `path`, and see that a file of that name could be written there.

    Args:
        flag: that names `path`; opens the message.
        path: of a file that need not be there.

    Raises:
        ConfigError: it could not.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(None, "there is a folder of this name")
        # The name is nearly that of utils.files.atomic_write, so that one that is too long is found, too.
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", suffix=".partial"):
            pass
    except OSError as error:
        raise ConfigError(f"{flag} {path}: can't be written there ({error.strerror or error})") from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """The block writes `path`; a full disk, or a folder that is gone, becomes a DataError."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{path}: can't be written ({error.strerror or error})") from error
