"""Which images and label files there are, and which images the label files name, in which lines."""

import os
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dataloader.label_rows import ErrorList, Interner, read_rows
from dataloader.wrong_rows import wrong_delimiter
from rankiqa.batch.folders import LeftOut, find_images, has_image_suffix, walk_files
from utils.errors import DataError
from utils.numerals import parse_number

SPLIT_FOLDERS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
LABEL_NAME = "label.txt"


class LabelFile:
    """One label file, of any task.

    Attributes:
        file: its path.
        split: "train", "val" or "test", or an empty string where it lies in none of these folders.
        images: absolute path -> path as it was found, of each image that the rows name.
        pairs: whether some row names two images.
    """

    def __init__(self, file: Path, split: str, root: Path | None) -> None:
        """Read the file once.

        Raises:
            LabelError: it can't be opened, is not UTF-8, has broken quotes or other delimiters than commas.
        """
        self.file, self.split = file, split
        self.pairs = False
        # Absent images are the checks' own matter, so what the interner says of them goes nowhere.
        self._interner = Interner(file, () if root is None else (root,), ErrorList(file))
        for line, names in self._rows():
            self.pairs |= len(names) > 1
            for name in names:
                self._interner(name, line)
        paths = self._interner.paths
        # A row without any image belongs to no label file: the parsers of the tasks refuse it.
        self._keys = [os.path.abspath(path) if _is_image(path) else "" for path in paths]  # noqa: PTH100
        self.images = {key: path for key, path in zip(self._keys, paths, strict=True) if key}

    def lines_of(self, keys: set[str]) -> dict[str, array]:
        """The line numbers, counted from 1, in which each of these images is named."""
        lines: dict[str, array] = {}
        if keys.isdisjoint(self.images):
            return lines
        for line, names in self._rows():
            for key in {self._keys[self._interner(name, line)] for name in names}:
                if key in keys:
                    lines.setdefault(key, array("i")).append(line)
        return lines

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        errors = ErrorList(self.file)
        for line, (first, *further) in read_rows(self.file, errors):
            names = [name for name in (first, *further) if name]
            names = [name for name in names if name is first or parse_number(name) is None]
            for name in names:
                if name not in self._interner.known:
                    self._check_delimiter(name, line, errors)
            yield line, names
        errors.raise_if_any()

    @staticmethod
    def _check_delimiter(name: str, line: int, errors: ErrorList) -> None:
        # a name that is a whole row would be an absent image, and its row be removed
        if wrong_delimiter([name]) and not Path(name).is_file():
            errors.add(line, f"{name!r}: {wrong_delimiter([name])}")


@dataclass(frozen=True)
class Images:
    """What there is to check.

    Attributes:
        found: absolute path -> path as it was found, of the images in the folders.
        all: the same of all images, with those that label files name elsewhere.
        labels: the label files.
    """

    found: dict[str, str]
    all: dict[str, str]
    labels: list[LabelFile]


def collect(paths: Sequence[Path]) -> Images:
    """The images among and below `paths` and those that label files there name, each once.

    Raises:
        DataError: a path is not there, or none leads to an image.
        LabelError: a label file can't be read.
    """
    found: dict[str, str] = {}
    labels: dict[str, LabelFile] = {}
    for path in paths:
        if not path.exists():
            raise DataError(f"{path}: no such file or folder; name the images, or the folder that holds them")
        for image in find_images(path) if path.is_dir() else [path]:
            found.setdefault(os.path.abspath(image), str(image))  # noqa: PTH100
        for file in find_label_files(path) if path.is_dir() else []:
            labels.setdefault(os.path.abspath(file.file), file)  # noqa: PTH100
    everything = dict(found)
    for file in labels.values():
        for key, name in file.images.items():
            everything.setdefault(key, name)
    if not everything:
        raise DataError(f"{', '.join(map(str, paths))}: no images there")
    return Images(found, everything, list(labels.values()))


def find_label_files(folder: Path) -> list[LabelFile]:
    """Every label.txt below `folder` that names images, in sorted order; hidden folders are left out.

    Raises:
        LabelError: one can't be read.
    """
    found = (Path(entry.path) for entry in walk_files(str(folder), LeftOut()) if entry.name == LABEL_NAME)
    files = [LabelFile(file, _split_of(file, folder), folder) for file in sorted(filter(Path.is_file, found))]
    return [labels for labels in files if labels.images]


def _split_of(file: Path, folder: Path) -> str:
    """The split after which the nearest folder is called, from the file's own up to `folder`."""
    inner = Path(folder.resolve().name) / file.relative_to(folder)
    return next((SPLIT_FOLDERS[part] for part in reversed(inner.parts[:-1]) if part in SPLIT_FOLDERS), "")


def _is_image(path: str) -> bool:
    return has_image_suffix(path) or Path(path).is_file()
