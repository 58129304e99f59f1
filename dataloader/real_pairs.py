"""Pairs of real photographs of one scene: a CSV file with the columns better, worse, kind and any others."""

import logging
from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dataloader.label_rows import ErrorList, Interner, count_distinct, pair_errors
from utils.delimited import Table, read_table
from utils.errors import LabelError


@dataclass(frozen=True)
class RealPairs:
    """The rows of one file.

    Attributes:
        table: as it was read, with all of its columns.
        paths: where the M distinct images lie.
        images: int32 (R, 2), indices into `paths`: better, worse.
        kinds: (R,) what makes the worse image of each row worse, such as "noise".
    """

    table: Table
    paths: list[str]
    images: np.ndarray
    kinds: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def where(self, image: int) -> str:
        """`file:line` of the first row that holds an image."""
        return self.table.rows[int(np.flatnonzero((self.images == image).any(axis=1))[0])].where


def load_pairs(file: Path, *roots: Path) -> RealPairs:
    """Parse and check a file of pairs.

    Args:
        file: with a header that has the columns better, worse and kind. Images are looked for as those of a
            label file: as the path says, then beside the file, then in each of `roots`.
        roots: further folders (`--data`).

    Raises:
        DataError: no table, or one that breaks its form; see `utils.delimited.read_table`.
        LabelError: no rows; a row without a kind; an image that is not there or is paired with itself; a pair
            in both orders. Up to 20 errors are listed, each as file:line, and the rest is counted.
    """
    table = read_table(file, "better", "worse", "kind")
    if not table.rows:
        raise LabelError(f"{file}: holds no pairs below its header; every line needs 'better,worse,kind'")
    errors = ErrorList(file)
    interner = Interner(file, roots, errors)
    indices = []
    for row in table.rows:
        indices.append([interner(row[column], row.line) for column in ("better", "worse")])
        if not row["kind"]:
            errors.add(row.line, "the kind is empty; it says what makes the worse image worse, as in noise")
    images = np.array(indices, dtype=np.int32)
    pair_errors(images, array("i", [row.line for row in table.rows]), interner, errors)
    errors.raise_if_any()
    keys = images[:, 0].astype(np.int64) * len(interner.names) + images[:, 1]
    repeated = len(images) - count_distinct(keys)
    if repeated:
        logging.getLogger(__name__).warning("%s: %d rows repeat an earlier one", file, repeated)
    return RealPairs(table, interner.paths, images, np.array([row["kind"] for row in table.rows]))
