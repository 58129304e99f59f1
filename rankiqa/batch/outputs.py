"""What a command writes: an error of the disk told in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rankiqa.errors import DataError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """The block writes `path`; a full disk, or a folder that is gone, becomes a DataError."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{path}: can't be written ({error.strerror or error})") from error
