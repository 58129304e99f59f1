"""Pictures in object storage, by pyarrow: s3://, gs://, hdfs:// and file:// URLs, with %20 for a space."""

import io
from collections.abc import Iterator
from functools import lru_cache
from typing import IO, Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from PIL import Image

from dataloader.image import decode, is_picture, read_sized
from deploy.optional import require
from utils.errors import DataError, ImageError
from utils.image_limits import MAX_PIXELS

WITH_BUCKET = ("s3", "gs")  # the host is the first part of the path


def is_url(name: str) -> bool:
    """Whether a name is one of object storage."""
    return "://" in name


def list_pictures(url: str) -> Iterator[str]:
    """The URLs of all pictures below a URL, or that of the one picture that it names; in no order.

    What stands behind `?` (such as `region=`, `endpoint_override=`) is kept.

    Raises:
        ConfigError: pyarrow is not installed.
        DataError: the storage does not answer, or has nothing there.
    """
    fs = require("pyarrow.fs", url, "pyarrow")
    place, _, options = url.partition("?")
    try:
        system, path = _open_system(url)
        if system.get_file_info(path).type == fs.FileType.File:
            yield url
            return
        for found in _walk(system, path):
            inside = found.removeprefix(path.rstrip("/"))
            yield place.rstrip("/") + quote(inside) + (f"?{options}" if options else "")
    except (OSError, ValueError) as error:
        raise DataError(f"{url}: {str(error).splitlines()[0]}") from error


def _walk(system: Any, path: str) -> Iterator[str]:
    """The pictures below a path, a folder's listing at a time: a whole bucket's does not fit in memory."""
    fs = require("pyarrow.fs", "a URL", "pyarrow")
    todo = [path]
    while todo:
        for entry in system.get_file_info(fs.FileSelector(todo.pop())):
            if entry.base_name.startswith("."):
                continue
            if entry.type == fs.FileType.Directory:
                todo.append(entry.path)
            elif entry.is_file and is_picture(entry.base_name):
                yield entry.path


def read_picture(
    name: str, fit: tuple[int, int] | None = None, max_pixels: int = MAX_PIXELS
) -> tuple[Image.Image, tuple[int, int]]:
    """As `dataloader.image.read_sized`, of a path or a URL; raises ImageError as that does."""
    if is_url(name):
        return decode(_content(name), name, fit, max_pixels)
    return read_sized(name, fit, max_pixels)


def _content(url: str) -> IO[bytes]:
    try:
        system, path = _open_system(url)
        with system.open_input_file(path) as file:
            return io.BytesIO(file.read())
    except (OSError, ValueError) as error:
        raise ImageError(f"{url}: {str(error).splitlines()[0]}") from error


def _open_system(url: str) -> tuple[Any, str]:
    """The file system and the path on it."""
    parts = urlsplit(url)
    bucket = parts.netloc if parts.scheme in WITH_BUCKET else ""
    return _system(parts.scheme, parts.netloc, parts.query), bucket + unquote(parts.path)


@lru_cache(maxsize=64)
def _system(scheme: str, host: str, options: str) -> Any:
    fs = require("pyarrow.fs", f"{scheme}://", "pyarrow")
    return fs.FileSystem.from_uri(urlunsplit((scheme, host, "/", options, "")))[0]
