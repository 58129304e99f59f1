"""The publisher's files on the user's disk, found whatever their case."""

import os
from collections.abc import Sequence
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
        check_images: whether a row whose image is not there is left out.
        direction: "higher" or "lower" from the user, "" to go by what is known of the set.
        votes: whether the user says that each row is one vote.
        num_classes: N, where the user says that ratings are 1..N.
    """

    root: Path
    labels: Sequence[Path] = ()
    check_images: bool = True
    direction: str = ""
    votes: bool = False
    num_classes: int | None = None

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

    def label_file(self, *names: str) -> Path:
        """The same for a set with one label file.

        Raises:
            DataError: none is there; or the user named several, of which all but one would not be read.
        """
        if len(self.labels) > 1:
            raise DataError(f"--labels {self.labels[1]}: this set has one label file, {self.labels[0]}")
        return self.label_files(*names)[0]

    def optional(self, name: str) -> Path | None:
        """A file of this lower-case name: beside the label files that the user named, or below root."""
        if self.labels:
            folder = self.labels[0].parent
            return next((path for path in sorted(folder.iterdir()) if path.name.lower() == name), None)
        return self.root / self.files[name][0] if name in self.files else None

    def locate(self, path: str) -> str | None:
        """Where the image lies that the publisher calls `path`, relative to root; None if nowhere.

        Case does not matter unless names differ by nothing else, and the longest tail of `path` that occurs
        decides: a user may have unpacked the set one folder higher, or lower. A short tail that fits several
        files decides nothing.
        """
        parts = path.lower().split("/")
        there = self.files.get(parts[-1], [])
        for start in range(len(parts)):
            tail = "/" + "/".join(parts[start:])
            hits = [file for file in there if ("/" + file.lower()).endswith(tail)]
            if len(hits) == 1 or (hits and start == 0):
                return next((file for file in hits if f"/{file}".endswith(f"/{path}")), hits[0])
            if hits:
                return None
        return None
