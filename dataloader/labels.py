"""label.txt of the three tasks: parsed into arrays, all errors reported at once (docs/architecture.md)."""

import logging
import math
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dataloader.label_rows import ErrorList, Interner, count_distinct, pair_errors, read_rows
from dataloader.string_table import StringTable
from dataloader.wrong_rows import form, why_wrong, wrong_delimiter
from utils.errors import LabelError
from utils.numerals import parse_number

_NUMBER_ENDS = frozenset("0123456789.nfNFyY")  # of inf, nan and infinity, too
_LARGEST = float(np.finfo(np.float32).max)
Rows = Iterable[tuple[int, list[str]]]


@dataclass(frozen=True)
class Labels:
    """The rows of one label file, or of those of several data sets (`dataloader.label_sets.join`).

    Attributes:
        task: "rank", "emd" or "regress".
        source: the label file; of several sets that of the first.
        names: the distinct images as the label file spells them, M of them.
        paths: where these M images lie.
        images: int32 indices into `paths`: (R, 2) as (better, worse) for rank, (R, 1) for emd and regress.
        targets: float32: (R, N) distributions that sum to one for emd, (R,) MOS for regress, (R, 0) for rank.
        opinions: what metrics compare with: for emd (R, N) float64 counts or shares as the file gives them,
            because the mean of rounded shares is not that of the counts; else the targets.
        set_name: of the data set, where it is one of several.
        parts: the labels of each set, whose rows and images follow each other here; () for one set.
    """

    task: str
    source: Path
    names: StringTable
    paths: StringTable
    images: np.ndarray
    targets: np.ndarray
    opinions: np.ndarray
    set_name: str = ""
    parts: tuple["Labels", ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    @property
    def sets(self) -> tuple["Labels", ...]:
        """The labels of each data set, one or several."""
        return self.parts or (self,)

    @property
    def where(self) -> str:
        """The label files, for messages."""
        return ", ".join(str(part.source) for part in self.sets)


def load_labels(file: str | Path, task: str, num_classes: int = 1, root: str | Path | None = None) -> Labels:
    """Parse and check a label file.

    Args:
        file: UTF-8 text, a row a line: `better,worse`, `path,p1,...,pN` or `path,mos`.
        task: which of the three.
        num_classes: N; an emd row must have N values, and for N > 1 a MOS must lie in [1, N].
        root: a further folder in which relative paths are looked for (`--data`), after the working directory
            and the label file's own folder.

    Raises:
        LabelError: the file is missing, empty or not UTF-8, or some rows are wrong; up to 20 errors are
            listed with their line numbers, and the rest is counted.
    """
    file = Path(file)
    errors = ErrorList(file)
    interner = Interner(file, () if root is None else (root,), errors)
    rows = read_rows(file, errors)
    if task == "rank":
        images, targets = _rank_rows(rows, interner, errors)
    elif task == "emd":
        images, opinions = _emd_rows(rows, interner, errors, num_classes)
        targets = (opinions / opinions.sum(axis=1, keepdims=True)).astype(np.float32)
    else:
        images, targets = _regress_rows(rows, interner, errors, num_classes)
    errors.raise_if_any()
    if not len(images):
        raise LabelError(f"{file}: holds no rows; every line needs {form(task, num_classes)}")
    keys = images[:, 0].astype(np.int64) * len(interner.names) + images[:, -1]
    repeated = len(images) - count_distinct(keys)
    if repeated:
        logging.getLogger(__name__).warning("%s: %d rows repeat an earlier one", file, repeated)
    return Labels(
        task=task,
        source=file,
        names=StringTable(interner.names),
        paths=StringTable(interner.paths),
        images=images,
        targets=targets,
        opinions=opinions if task == "emd" else targets,
    )


def _rank_rows(rows: Rows, interner: Interner, errors: ErrorList) -> tuple[np.ndarray, np.ndarray]:
    pairs, lines = array("i"), array("i")
    known, add = interner.known.get, interner.add
    for line, fields in rows:
        if len(fields) != 2 or (fields[1][-1:] in _NUMBER_ENDS and _number(fields[1]) is not None):
            errors.add(line, why_wrong(fields, "rank", 1))
            continue
        better = known(fields[0])
        pairs.append(add(fields[0], line) if better is None else better)
        worse = known(fields[1])
        pairs.append(add(fields[1], line) if worse is None else worse)
        lines.append(line)
    images = np.array(pairs, dtype=np.int32).reshape(-1, 2)
    pair_errors(images, lines, interner, errors)
    return images, np.empty((len(images), 0), np.float32)


def _emd_rows(rows: Rows, interner: Interner, errors: ErrorList, bins: int) -> tuple[np.ndarray, np.ndarray]:
    images, values = array("i"), array("d")
    for line, fields in rows:
        numbers = [_number(field) for field in fields[1:]]
        if len(numbers) != bins or None in numbers:
            errors.add(line, why_wrong(fields, "emd", bins))
            continue
        histogram = [number for number in numbers if number is not None]
        if not (math.isfinite(sum(histogram)) and min(histogram) >= 0):
            errors.add(
                line, f"ratings must be finite and not negative, but here stands {','.join(fields[1:])}"
            )
        elif not sum(histogram):
            errors.add(line, "all ratings are zero; at least one must be positive")
        else:
            images.append(interner(fields[0], line))
            values.extend(histogram)
    return np.array(images, np.int32).reshape(-1, 1), np.array(values).reshape(-1, bins)


def _regress_rows(
    rows: Rows, interner: Interner, errors: ErrorList, bins: int
) -> tuple[np.ndarray, np.ndarray]:
    images, values = array("i"), array("d")
    for line, fields in rows:
        mos = _number(fields[1]) if len(fields) == 2 else None
        if mos is None:
            errors.add(line, why_wrong(fields, "regress", bins))
        elif not abs(mos) <= _LARGEST:
            errors.add(line, f"a MOS must be finite, but here stands {fields[1]}")
        elif bins > 1 and not 1 <= mos <= bins:
            why = f"MOS {mos:g} lies outside 1..{bins}; with --num_classes {bins} it must lie inside"
            errors.add(line, wrong_delimiter(fields) or why)
        else:
            images.append(interner(fields[0], line))
            values.append(mos)
    return np.array(images, np.int32).reshape(-1, 1), np.array(values, np.float32)


def _number(text: str) -> float | None:
    # Most fields of a rank file are paths: a look at the ends is cheaper than a failed float().
    return parse_number(text) if text[-1:] in _NUMBER_ENDS else None
