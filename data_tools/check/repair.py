"""Label files without the rows that name an image nobody can read."""

import os
import shutil
from collections.abc import Collection
from pathlib import Path

from rankiqa.files import atomic_write
from utils.errors import LabelError


def drop_lines(file: Path, lines: Collection[int]) -> Path:
    """Rewrite `file` without these lines, counted from 1, and return the backup of what it was.

    All other lines, comments, a byte order mark and line ends stay as they are, byte for byte. The backup is
    FILE.bak, or FILE.bak.1, .2, ... where that exists: no backup is ever overwritten.

    Raises:
        LabelError: no row would be left, as when a disk is missing; the file stays as it is.
    """
    file = file.resolve()  # a link stays a link
    whole = file.read_bytes()
    mark = b"\xef\xbb\xbf" if whole.startswith(b"\xef\xbb\xbf") else b""
    kept = [
        text
        for number, text in enumerate(whole[len(mark) :].splitlines(keepends=True), start=1)
        if number not in lines
    ]
    if not any(text.strip() and not text.strip().startswith(b"#") for text in kept):
        raise LabelError(
            f"{file}: all rows name images that can't be read, so none was removed; is this the project's "
            "root, and is the disk with the images there?"
        )
    backup = _back_up(file, whole)
    with atomic_write(file) as out:
        out.write(mark + b"".join(kept))
    shutil.copymode(backup, file)
    return backup


def _back_up(file: Path, whole: bytes) -> Path:
    number = 0
    while True:
        backup = file.with_name(f"{file.name}.bak" + (f".{number}" if number else ""))
        try:
            with backup.open("xb") as out:
                out.write(whole)
                out.flush()
                os.fsync(out.fileno())
        except FileExistsError:
            number += 1
            continue
        shutil.copymode(file, backup)
        return backup
