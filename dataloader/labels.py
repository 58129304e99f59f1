"""label.txt of the three tasks: parsed into arrays, all errors reported at once (docs/architecture.md)."""

import logging
import math
from array import array
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from dataloader.label_rows import (
    ErrorList,
    Interner,
    Rows,
    count_distinct,
    pair_errors,
    read_rows,
    self_pairs,
)
from dataloader.preferences import has_share, share_rows, share_targets
from dataloader.string_table import StringTable
from dataloader.wrong_rows import form, why_wrong, wrong_delimiter
from utils.errors import LabelError
from utils.numerals import NUMBER_ENDS, parse_number

_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Labels:
    """The rows of one label file, or of those of several data sets (`dataloader.label_sets.join`).

    Attributes:
        task: "rank", "emd" or "regress".
        source: the label file; of several sets that of the first.
        names: the distinct images as the label file spells them, M of them.
        paths: where these M images lie.
        images: int32 indices into `paths`: (R, 2) for rank, (better, worse) where there are no shares, (R, 1)
            for emd and regress.
        targets: float32: (R, N) distributions that sum to one for emd, (R,) MOS for regress; for rank (R, 0),
            or (R, 3) shares, weights and orders, see `share_targets`.
        opinions: what metrics compare with: for emd (R, N) float64 counts or shares as the file gives them,
            because the mean of rounded shares is not that of the counts; for rank with shares (R, 2) float64
            shares and votes; else the targets.
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

    @property
    def has_shares(self) -> bool:
        """Whether these are pairs with the share of raters who prefer the first image."""
        return self.task == "rank" and self.targets.shape[1] > 0

    @property
    def order(self) -> np.ndarray:
        """(R,), of rank: 1 where the first image of a pair is the better one, -1 the second, 0 a tie."""
        return self.targets[:, 2] if self.has_shares else np.ones(len(self), np.float32)

    def ordered(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(R, 2) images (better, worse) of `rows`, of a tie as they stand, and (R,) which are no ties."""
        order = self.order[rows]
        pairs = self.images[rows]
        return np.where(order[:, None] < 0, pairs[:, ::-1], pairs), order != 0


def load_labels(
    file: str | Path, task: str, num_classes: int = 1, root: str | Path | None = None, tie: float = 0.0
) -> Labels:
    """Parse and check a label file.

    Args:
        file: UTF-8 text, a row a line: `better,worse`, `first,second,p[,votes]`, `path,p1,...,pN` or
            `path,mos`.
        task: which of the three.
        num_classes: N; an emd row must have N values, and for N > 1 a MOS must lie in [1, N].
        root: a further folder in which relative paths are looked for (`--data`), after the working directory
            and the label file's own folder.
        tie: a pair whose p lies within this of 0.5 has no order.

    Raises:
        LabelError: the file is missing, empty or not UTF-8, or some rows are wrong; up to 20 errors are
            listed with their line numbers, and the rest is counted.
    """
    file = Path(file)
    errors = ErrorList(file)
    interner = Interner(file, () if root is None else (root,), errors)
    rows = read_rows(file, errors)
    opinions = None
    if task == "rank":
        images, targets, opinions = _rank_rows(rows, interner, errors, tie)
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
    if repeated and not (task == "rank" and opinions is not None):  # each of them may be a vote
        logging.getLogger(__name__).warning("%s: %d rows repeat an earlier one", file, repeated)
    return Labels(
        task=task,
        source=file,
        names=StringTable(interner.names),
        paths=StringTable(interner.paths),
        images=images,
        targets=targets,
        opinions=targets if opinions is None else opinions,
    )


def _rank_rows(
    rows: Rows, interner: Interner, errors: ErrorList, tie: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Images, targets, and opinions where there are shares; the first row decides which rows these are."""
    rows = iter(rows)
    first = next(rows, None)
    every = rows if first is None else chain([first], rows)
    if first is not None and has_share(first[1]):
        images, said, lines = share_rows(every, len(first[1]), interner, errors)
        self_pairs(images, lines, interner, errors)
        return images, share_targets(said, tie), said
    images = _ordered_rows(every, interner, errors)
    return images, np.empty((len(images), 0), np.float32), None


def _ordered_rows(rows: Rows, interner: Interner, errors: ErrorList) -> np.ndarray:
    pairs, lines = array("i"), array("i")
    known, add = interner.known.get, interner.add
    for line, fields in rows:
        if len(fields) != 2 or (fields[1][-1:] in NUMBER_ENDS and _number(fields[1]) is not None):
            errors.add(line, why_wrong(fields, "rank", 1))
            continue
        better = known(fields[0])
        pairs.append(add(fields[0], line) if better is None else better)
        worse = known(fields[1])
        pairs.append(add(fields[1], line) if worse is None else worse)
        lines.append(line)
    images = np.array(pairs, dtype=np.int32).reshape(-1, 2)
    pair_errors(images, lines, interner, errors)
    return images


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
    return parse_number(text) if text[-1:] in NUMBER_ENDS else None
