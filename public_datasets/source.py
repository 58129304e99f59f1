"""The publisher's files on the user's disk: found whatever their case, and refused when they are not text."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from utils.errors import DataError


@dataclass
class Source:
    """Where a reader looks.

    Attributes:
        root: the folder of the set.
        labels: label files that the user named; empty to look for the publisher's own names below `root`.
        check_images: whether a row whose picture is not there is left out.
        direction: "higher" or "lower" from the user, "" to go by what is known of the set.
    """

    root: Path
    labels: Sequence[Path] = ()
    check_images: bool = True
    direction: str = ""

    @cached_property
    def files(self) -> dict[str, list[str]]:
        """Every file below root: lower-case name -> relative paths, the shallowest first."""
        found: dict[str, list[str]] = {}
        for folder, folders, names in os.walk(self.root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            below = os.path.relpath(folder, self.root).replace(os.sep, "/")
            for name in sorted(names):
                path = name if below == "." else f"{below}/{name}"
                found.setdefault(name.lower(), []).append(path)
        for paths in found.values():
            paths.sort(key=lambda path: (path.count("/"), path))
        return found

    def label_files(self, *names: str) -> list[Path]:
        """The files that the user named, or those below root with one of `names` (lower case).

        Raises:
            DataError: none is there; or a named file is not.
        """
        if self.labels:
            missing = next((path for path in self.labels if not path.is_file()), None)
            if missing is not None:
                raise DataError(f"{missing}: no such file; --labels names the publisher's label files")
            return list(self.labels)
        found = [self.root / self.files[name][0] for name in names if name in self.files]
        if not found:
            raise DataError(
                f"{self.root}: no label file there; looked for {' or '.join(names)} (or --labels)"
            )
        return found

    def optional(self, name: str) -> Path | None:
        """A file of this lower-case name: beside the label files that the user named, or below root."""
        if self.labels:
            folder = self.labels[0].parent
            return next((path for path in sorted(folder.iterdir()) if path.name.lower() == name), None)
        return self.root / self.files[name][0] if name in self.files else None

    def locate(self, path: str) -> str | None:
        """Where the picture lies that the publisher calls `path`, relative to root; None if nowhere.

        Case does not matter, and the longest tail of `path` that occurs decides: a user may have unpacked the
        set one folder higher, or lower. A short tail that fits several files decides nothing.
        """
        parts = path.lower().split("/")
        there = self.files.get(parts[-1], [])
        for start in range(len(parts)):
            tail = "/" + "/".join(parts[start:])
            hits = [file for file in there if ("/" + file.lower()).endswith(tail)]
            if len(hits) == 1 or (hits and start == 0):
                return hits[0]
            if hits:
                return None
        return None


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """(line number, stripped text) of every line that is not blank; CRLF, BOM and UTF-16 are understood.

    Raises:
        DataError: a web page saved under the name of a label file, or a file that is not text.
    """
    content = path.read_bytes()
    coding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(coding)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: is not text ({error.reason} at byte {error.start}); "
            "give the publisher's table of text, unpacked"
        ) from error
    if text.lstrip()[:15].lower().startswith(("<!doctype", "<html")):
        raise DataError(
            f"{path}: is a web page that was saved under this name, not a table; "
            "download the raw file instead"
        )
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line.strip()


def number(text: str, where: str) -> float:
    """A finite number.

    Raises:
        DataError: it is none; `where` (file:line) opens the message.
    """
    try:
        value = float(text)
    except ValueError:
        raise DataError(f"{where}: {text!r} is not a number") from None
    if value != value or value in (float("inf"), float("-inf")):
        raise DataError(f"{where}: {text!r} is not finite")
    return value


def read_columns(path: Path, fields: int) -> Iterator[tuple[int, list[str]]]:
    """Rows of exactly `fields` words, parted by blanks.

    Raises:
        DataError: a row of another length.
    """
    for line, text in read_lines(path):
        words = text.split()
        if len(words) != fields:
            raise DataError(
                f"{path}:{line}: {len(words)} columns, but this format has {fields}: {text[:60]!r}"
            )
        yield line, words


def read_csv(path: Path, *needed: str) -> list[tuple[int, dict[str, str]]]:
    """(line number, row) of a comma table with a header; its names lose case and outer blanks.

    Raises:
        DataError: a web page, a column of `needed` (lower case) that is missing, a row that is too short.
    """
    import csv

    lines = list(read_lines(path))
    rows = csv.reader(text for _, text in lines)
    header = [name.strip().lower() for name in next(rows, [])]
    missing = [name for name in needed if name not in header]
    if missing:
        raise DataError(f"{path}:1: no column {', '.join(missing)}; the header has {', '.join(header)[:150]}")
    result = []
    for (line, text), row in zip(lines[1:], rows, strict=False):
        if len(row) < len(header):
            raise DataError(
                f"{path}:{line}: {len(row)} columns, but the header has {len(header)}: {text[:60]!r}"
            )
        result.append((line, {key: value.strip() for key, value in zip(header, row, strict=False)}))
    return result
