"""Opening the file of an image, or saying in one line why there is none."""

import os
import stat
from pathlib import Path
from typing import IO

from rankiqa.errors import ImageError

_KINDS = {
    stat.S_IFDIR: "is a folder, not an image",
    stat.S_IFIFO: "is a pipe, not an image file",
    stat.S_IFSOCK: "is a socket, not an image file",
    stat.S_IFCHR: "is a device, not an image file",
    stat.S_IFBLK: "is a device, not an image file",
}


def open_file(path: str | Path) -> IO[bytes]:
    """The file in `path`, open for reading; only a regular file is opened, since others may never answer.

    Raises:
        ImageError: there is none, it can't be read, or no file can have such a name.
    """
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)  # noqa: PTH116  # a name that no Path takes is an error, too
        if kind in _KINDS:
            raise ImageError(f"{path}: {_KINDS[kind]}")
        return open(path, "rb")  # noqa: SIM115, PTH123  # the caller closes it
    except FileNotFoundError as error:
        dangling = "a link that leads nowhere" if os.path.islink(path) else "no such image"  # noqa: PTH114
        raise ImageError(f"{path}: {dangling}") from error
    except PermissionError as error:
        raise ImageError(f"{path}: no permission to read it") from error
    except OSError as error:
        raise ImageError(f"{path}: can't be read ({error.strerror or error})") from error
    except ValueError as error:  # a NUL or a lone surrogate
        raise ImageError(f"{path}: no file can have this name ({error})") from error
