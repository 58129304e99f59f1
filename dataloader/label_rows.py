"""The parts of a label parser that know lines, errors and file names, but not what a row means."""

import csv
import os
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from dataloader.wrong_rows import wrong_delimiter
from distortions.stages import SEPARATOR, check_stages, parse_stages, split_recipe
from utils.errors import ConfigError, LabelError

SHOWN = 20  # errors listed, before the rest is only counted
_KEPT = 10_000
Rows = Iterable[tuple[int, list[str]]]


class ErrorList:
    """Collects what is wrong with one file, so that a user fixes everything at once."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._errors: list[tuple[int, str]] = []
        self._count = 0

    def add(self, line: int, message: str) -> None:
        """Note one error at a 1-based line number."""
        self._count += 1
        if len(self._errors) < _KEPT:
            self._errors.append((line, message))

    def raise_if_any(self) -> None:
        """Raise LabelError with the first errors in line order, or return when there are none."""
        if not self._count:
            return
        lines = [f"{self._file}:{line}: {message}" for line, message in sorted(self._errors)[:SHOWN]]
        if self._count > SHOWN:
            lines.append(f"{self._file}: {self._count - SHOWN} more errors of {self._count}")
        raise LabelError("\n".join(lines))


def read_rows(file: Path, errors: ErrorList) -> Iterator[tuple[int, list[str]]]:
    """(line number, stripped fields) of every row; blank lines and `#` comments are passed over.

    Raises:
        LabelError: the file can't be opened, or is not UTF-8.
    """
    try:
        with file.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                text = line.strip()
                if not text or text[0] == "#":
                    continue
                if "\0" in text:
                    raise LabelError(f"{file}:{number}: a NUL byte; save the file as text in UTF-8")
                if '"' in text:
                    fields = _quoted_fields(text, number, errors)
                    if fields is None:
                        continue
                else:
                    fields = list(map(str.strip, text.split(",")))
                yield number, fields
    except UnicodeDecodeError as error:
        raise LabelError(_not_utf8(file)) from error
    except OSError as error:
        raise LabelError(f"{file}: can't be read ({error.strerror}); a label file belongs there") from error


def _not_utf8(file: Path) -> str:
    """Names the first bad line; the decoder that failed knows only its place in a block of the file."""
    content = file.read_bytes()
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return f"{file}:1: is UTF-16; save the file as UTF-8"
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as error:
            return f"{file}:{number}: byte 0x{line[error.start]:02x} is not UTF-8; save the file as UTF-8"
    return f"{file}: is not UTF-8 text; save it as UTF-8"


def _quoted_fields(text: str, number: int, errors: ErrorList) -> list[str] | None:
    try:
        return [field.strip() for field in next(csv.reader([text], skipinitialspace=True, strict=True))]
    except csv.Error as error:
        errors.add(number, f'broken quotes ({error}) in {text!r}; a path with a comma is written "a,b.png"')
        return None


class Interner:
    """Gives every distinct image one index, and finds its file once."""

    def __init__(self, file: Path, roots: Iterable[str | Path], errors: ErrorList) -> None:
        self.names: list[str] = []
        self.paths: list[str] = []
        self.known: dict[str, int] = {}  # a loop over millions of rows looks here first, and saves a call
        self._errors = errors
        self._folders = [str(Path(folder)) for folder in (file.parent, *roots)]

    def __call__(self, name: str, line: int) -> int:
        """The index of image `name`; a file that is not there is noted as an error at `line`, once."""
        index = self.known.get(name)
        return self.add(name, line) if index is None else index

    def add(self, name: str, line: int) -> int:
        """The same for a name that is not among `known` yet."""
        plain = name.replace("\\", "/")
        if plain.startswith(("./", "../")) or "/./" in plain or "//" in plain or "/../" in plain:
            plain = os.path.normpath(plain)  # two spellings of one image are one image
        if plain != name and plain in self.known:
            self.known[name] = self.known[plain]
            return self.known[plain]
        path = self._find(plain)
        if path is None:
            self._errors.add(line, self._why_missing(name))
        elif SEPARATOR in path:
            self._check_recipe(path, line)
        index = len(self.names)
        self.known[name] = self.known[plain] = index
        self.names.append(plain)
        self.paths.append(path or plain)
        return index

    def _check_recipe(self, path: str, line: int) -> None:
        if not os.path.isfile(path):
            try:
                check_stages(parse_stages(split_recipe(path)[1]))
            except ConfigError as error:
                self._errors.add(line, str(error))

    def _why_missing(self, name: str) -> str:
        if wrong_delimiter([name]):
            return f"no such image {name!r}: {wrong_delimiter([name])}"
        where = ", ".join(repr(folder) for folder in [".", *self._folders])
        return f"no such image {name!r}; looked in {where}" if name else "an empty path"

    def _find(self, name: str) -> str | None:
        if not name:
            return None
        candidates = (
            [name] if os.path.isabs(name) else [name, *(os.path.join(f, name) for f in self._folders)]
        )
        found = next((path for path in candidates if os.path.isfile(path)), None)
        if found is None and SEPARATOR in name:
            source, stages = split_recipe(name)
            photograph = self._find(source)
            return photograph and photograph + SEPARATOR + stages
        return found


def count_distinct(keys: np.ndarray) -> int:
    """How many different values (R,) holds; NumPy's own unique would hash them, far slower than it sorts."""
    ordered = np.sort(keys)
    return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + bool(len(ordered))


def self_pairs(pairs: np.ndarray, lines: array, interner: Interner, errors: ErrorList) -> None:
    """Note images paired with themselves; `pairs` is (R, 2)."""
    for row in np.flatnonzero(pairs[:, 0] == pairs[:, 1]):
        errors.add(lines[row], f"an image paired with itself: {interner.names[pairs[row, 0]]!r}")


def pair_errors(pairs: np.ndarray, lines: array, interner: Interner, errors: ErrorList) -> None:
    """Note images paired with themselves and pairs that stand in both orders; `pairs` is (R, 2)."""
    self_pairs(pairs, lines, interner, errors)
    better, worse = pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64)
    count = len(interner.names)
    keys, reverse = better * count + worse, worse * count + better
    if count_distinct(np.minimum(keys, reverse)) == count_distinct(keys):
        return  # as many unordered pairs as ordered ones: none stands in both orders
    distinct, first = np.unique(keys, return_index=True)
    place = np.minimum(np.searchsorted(distinct, reverse), max(len(distinct) - 1, 0))
    both: np.ndarray = (
        np.flatnonzero((distinct[place] == reverse) & (better != worse))
        if len(distinct)
        else np.empty(0, int)
    )
    for row in both:
        earlier = first[place[row]]
        if earlier < row:
            names = interner.names[better[row]], interner.names[worse[row]]
            errors.add(
                lines[row],
                f"contradicts line {lines[earlier]}: {names[0]!r} can't be both better and "
                f"worse than {names[1]!r}",
            )
