"""Images in object storage, by pyarrow: s3://, gs://, hdfs:// and file:// URLs, with %20 for a space."""

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import IO, Any
from urllib.parse import quote, unquote_to_bytes, urlsplit, urlunsplit

from PIL import Image

from rankiqa.batch.folders import LeftOut, has_image_suffix, has_video_suffix, is_hidden, walk_images
from rankiqa.decoding.image_files import open_file
from rankiqa.decoding.limits import MAX_PIXELS
from rankiqa.errors import ConfigError, DataError, ImageError
from rankiqa.image import Needs, decode, read_sized
from rankiqa.optional import require

WITH_BUCKET = ("s3", "gs")  # the host is the first part of the path
# What pyarrow raises on a URL that it can't use or reach: ValueError, KeyError, NotImplementedError, OSError
_REFUSALS = (OSError, ValueError, LookupError, NotImplementedError, TypeError)


def is_url(name: str) -> bool:
    """Whether a name is one of object storage."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", name) is not None


def list_images(url: str, left_out: LeftOut) -> Iterator[str]:
    """The URLs of all images below a URL, or that of the one image that it names; in no order.

    What stands behind `?` (such as `region=`, `endpoint_override=`) is kept.

    Args:
        url: of a folder or an image.
        left_out: takes what is left out, by the rule of `rankiqa.batch.folders`.

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
        local = isinstance(system, fs.LocalFileSystem)  # with links, which pyarrow follows in rings
        for found in walk_images(path, left_out) if local else _walk(system, path, left_out):
            inside = found.removeprefix(path.rstrip("/"))
            yield place.rstrip("/") + quote(os.fsencode(inside)) + (f"?{options}" if options else "")
    except _REFUSALS as error:
        raise DataError(f"{url}: {_first_line(error)}") from error


def _walk(system: Any, path: str, left_out: LeftOut) -> Iterator[str]:
    """The images below a path, a folder's listing at a time: a whole bucket's does not fit in memory."""
    fs = require("pyarrow.fs", "a URL", "pyarrow")
    todo = [path]
    while todo:
        for entry in system.get_file_info(fs.FileSelector(todo.pop())):
            is_folder = entry.type == fs.FileType.Directory
            if is_hidden(entry.base_name):
                left_out.counts["hidden folder" if is_folder else "hidden file"] += 1
            elif is_folder:
                todo.append(entry.path)
            elif entry.is_file and _is_taken(entry.base_name, left_out.videos):
                yield entry.path
            else:
                left_out.counts["video" if has_video_suffix(entry.base_name) else "other"] += 1


def _is_taken(name: str, videos: bool) -> bool:
    return has_image_suffix(name) or (videos and has_video_suffix(name))


def read_image(
    name: str, fit: Needs = None, max_pixels: int = MAX_PIXELS
) -> tuple[Image.Image, tuple[int, int]]:
    """As `rankiqa.image.read_sized`, of a path or a URL; raises ImageError as that does."""
    if is_url(name):
        return decode(_content(name), name, fit, max_pixels)
    return read_sized(name, fit, max_pixels)


def _content(url: str) -> IO[bytes]:
    with _told(url), open_stream(url) as file:
        return io.BytesIO(file.read())


def open_stream(name: str) -> IO[bytes]:
    """The open file of a path or a URL, which is read as far as it is needed.

    Raises:
        ImageError: it is not there, or can't be read.
    """
    if not is_url(name):
        return open_file(name)
    with _told(name):
        system, path = _open_system(name)
        if urlsplit(name).scheme == "file":
            return open_file(path)
        stream: IO[bytes] = system.open_input_file(path)
        return stream


@contextmanager
def _told(url: str) -> Iterator[None]:
    """What goes wrong in the block becomes an ImageError that names the URL."""
    try:
        yield
    except ImageError as error:
        raise ImageError(f"{url}: {str(error).rpartition(': ')[2]}") from error
    except (ConfigError, *_REFUSALS) as error:
        raise ImageError(f"{url}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _open_system(url: str) -> tuple[Any, str]:
    """The file system and the path on it."""
    parts = urlsplit(url)
    bucket = parts.netloc if parts.scheme in WITH_BUCKET else ""
    path = os.fsdecode(unquote_to_bytes(os.fsencode(parts.path)))
    return _system(parts.scheme, parts.netloc, parts.query), bucket + path


@lru_cache(maxsize=64)
def _system(scheme: str, host: str, options: str) -> Any:
    fs = require("pyarrow.fs", f"{scheme}://", "pyarrow")
    return fs.FileSystem.from_uri(urlunsplit((scheme, host, "/", options, "")))[0]
