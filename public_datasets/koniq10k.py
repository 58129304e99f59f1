"""KonIQ-10k: 10,073 photographs, ratings from 1 to 5."""

import numpy as np

from public_datasets.registry import register
from public_datasets.source import Source
from public_datasets.table import LeftOut, Provenance, RatingTable, make_table
from utils.delimited import Row, read_table
from utils.errors import DataError

SETS = {"training": "train", "train": "train", "validation": "val", "val": "val", "test": "test"}
COUNTS = [f"c{rating}" for rating in range(1, 6)]
_Cells = dict[str, Row]  # of an image: the row of the first file that has a column


@register(
    "koniq10k",
    "KonIQ-10k",
    Provenance(
        "higher",
        1,
        5,
        "Hosu, Lin, Sziranyi, Saupe: KonIQ-10k: An ecologically valid database for deep learning of "
        "blind image quality assessment. IEEE Transactions on Image Processing 29, 2020",
        "https://database.mmsp-kn.de/koniq-10k-database.html",
        "images from YFCC100M under Creative Commons licenses",
    ),
    official_split="the column `set` of koniq10k_distributions_sets.csv",
    index_name="KonIQ-10k",
    aliases=("koniq",),
)
def read(source: Source, provenance: Provenance) -> RatingTable:
    """koniq10k_scores_and_distributions.csv; koniq10k_distributions_sets.csv, which has the split; or one.

    MOS and deviation come from the first file that has them. The second one's MOS runs from 1 to 100, the
    first one's from 1 to 5; the range of the table follows the values.

    Raises:
        DataError: a web page saved under this name, missing columns, a set that is none of the three.
    """
    names = "koniq10k_scores_and_distributions.csv", "koniq10k_distributions_sets.csv"
    files = source.label_files(*names)
    images: dict[str, _Cells] = {}
    left_out = []
    for file in files:
        seen: set[str] = set()
        for row in read_table(file, "image_name", "mos").rows:
            name = row["image_name"].strip('"')
            if name in seen:
                left_out.append(LeftOut(f"{file.name}:{row.line}", f"1024x768/{name}", "named a second time"))
                continue
            if file != files[0] and name not in images:  # its MOS may be of another scale
                raise DataError(f"{row.where}: {name!r} is not in {files[0]}; give files of the same images")
            seen.add(name)
            known = images.setdefault(name, {})
            known.update({column: row for column in row.cells if column not in known})
    rows = list(images.values())
    mos = np.array([row["mos"].number("mos") for row in rows])
    hundred = bool(len(mos)) and mos.max() > 5
    if hundred:
        provenance = _hundred(provenance)
    return make_table(
        "koniq10k", source.root, provenance, [f"1024x768/{name}" for name in images], mos=mos,
        std=_column(rows, "sd"), histogram=_histogram(rows), votes=_column(rows, "c_total"),
        split=_splits(rows), left_out=left_out,
        notes=["the MOS of this file runs from 1 to 100"] if hundred else [],
    )  # fmt: skip


def _column(rows: list[_Cells], column: str) -> list[float] | None:
    if not any(column in row and row[column][column] for row in rows):
        return None
    return [row.get(column, row["mos"]).number(column) for row in rows]


def _histogram(rows: list[_Cells]) -> np.ndarray | None:
    columns = [_column(rows, column) for column in COUNTS]
    missing = [name for name, column in zip(COUNTS, columns, strict=True) if column is None]
    if len(missing) == len(COUNTS):
        return None
    if missing:
        where = rows[0]["mos"].where
        raise DataError(f"{where}: counts of ratings, but none in column {', '.join(missing)}")
    counts = np.array(columns, dtype=np.float64).T
    bad = np.flatnonzero((counts < 0).any(axis=1) | (counts.sum(axis=1) <= 0))
    if len(bad):
        where = rows[bad[0]]["c1"].where
        raise DataError(f"{where}: counts c1..c5 must not be negative, nor all zero")
    return counts


def _splits(rows: list[_Cells]) -> list[str] | None:
    named = [row.get("set", row["mos"]) for row in rows]
    if not any(row.get("set") for row in named):
        return None
    for row in named:
        if row.get("set").lower() not in (*SETS, ""):
            raise DataError(f"{row.where}: set {row['set']!r} is none of training, validation, test")
    return [SETS.get(row.get("set").lower(), "") for row in named]


def _hundred(provenance: Provenance) -> Provenance:
    from dataclasses import replace

    return replace(provenance, high=100)
