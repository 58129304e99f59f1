"""KonIQ-10k: 10,073 photographs, ratings from 1 to 5."""

import numpy as np

from public_datasets.registry import Dataset, register
from public_datasets.source import Source
from public_datasets.table import LeftOut, Provenance, RatingTable, make_table
from utils.delimited import read_table
from utils.errors import DataError
from utils.numerals import number

SETS = {"training": "train", "train": "train", "validation": "val", "val": "val", "test": "test"}
COUNTS = [f"c{rating}" for rating in range(1, 6)]
_Row = dict[str, str]


def read(source: Source, provenance: Provenance) -> RatingTable:
    """koniq10k_scores_and_distributions.csv; koniq10k_distributions_sets.csv, which has the split; or one.

    MOS and deviation come from the first file that has them. The second one's MOS runs from 1 to 100, the
    first one's from 1 to 5; the range of the table follows the values.

    Raises:
        DataError: a web page saved under this name, missing columns, a set that is none of the three.
    """
    names = "koniq10k_scores_and_distributions.csv", "koniq10k_distributions_sets.csv"
    files = source.label_files(*names)
    rows: dict[str, tuple[str, _Row]] = {}
    left_out = []
    for file in files:
        seen: set[str] = set()
        for row in read_table(file, "image_name", "mos").rows:
            name = row["image_name"].strip('"')
            if name in seen:
                left_out.append(LeftOut(f"{file.name}:{row.line}", f"1024x768/{name}", "named a second time"))
                continue
            if file != files[0] and name not in rows:  # its MOS may be of another scale
                raise DataError(f"{row.where}: {name!r} is not in {files[0]}; give files of the same images")
            seen.add(name)
            _, known = rows.setdefault(name, (row.where, {}))
            for key, value in row.cells.items():
                known.setdefault(key, value)
    places, values = [place for place, _ in rows.values()], [row for _, row in rows.values()]
    mos = np.array([number(row["mos"], place, "mos") for row, place in zip(values, places, strict=True)])
    hundred = bool(len(mos)) and mos.max() > 5
    if hundred:
        provenance = _hundred(provenance)
    return make_table(
        "koniq10k", source.root, provenance, [f"1024x768/{name}" for name in rows], mos=mos,
        std=_column(values, places, "sd"), histogram=_histogram(values, places),
        votes=_column(values, places, "c_total"), split=_splits(values, places),
        left_out=left_out, notes=["the MOS of this file runs from 1 to 100"] if hundred else [],
    )  # fmt: skip


def _column(rows: list[_Row], places: list[str], key: str) -> list[float] | None:
    if not any(row.get(key) for row in rows):
        return None
    return [number(row.get(key, ""), place, key) for row, place in zip(rows, places, strict=True)]


def _histogram(rows: list[_Row], places: list[str]) -> np.ndarray | None:
    columns = [_column(rows, places, key) for key in COUNTS]
    missing = [key for key, column in zip(COUNTS, columns, strict=True) if column is None]
    if len(missing) == len(COUNTS):
        return None
    if missing:
        raise DataError(f"{places[0]}: counts of ratings, but none in column {', '.join(missing)}")
    counts = np.array(columns, dtype=np.float64).T
    if (counts < 0).any() or (counts.sum(axis=1) <= 0).any():
        bad = int(np.flatnonzero((counts < 0).any(axis=1) | (counts.sum(axis=1) <= 0))[0])
        raise DataError(f"{places[bad]}: counts c1..c5 must not be negative, nor all zero")
    return counts


def _splits(rows: list[_Row], places: list[str]) -> list[str] | None:
    if not any(row.get("set") for row in rows):
        return None
    for row, place in zip(rows, places, strict=True):
        if row.get("set", "").lower() not in (*SETS, ""):
            raise DataError(f"{place}: set {row['set']!r} is none of training, validation, test")
    return [SETS.get(row.get("set", "").lower(), "") for row in rows]


def _hundred(provenance: Provenance) -> Provenance:
    from dataclasses import replace

    return replace(provenance, high=100)


register(
    Dataset(
        "koniq10k",
        "KonIQ-10k",
        Provenance(
            "higher",
            1,
            5,
            "Hosu, Lin, Sziranyi, Saupe: KonIQ-10k: An ecologically valid database for deep learning of "
            "blind image quality assessment. IEEE Transactions on Image Processing 29, 2020",
            "https://database.mmsp-kn.de/koniq-10k-database.html",
            "pictures from YFCC100M under Creative Commons licences",
        ),
        read,
        official_split="the column `set` of koniq10k_distributions_sets.csv",
        index_name="KonIQ-10k",
        aliases=("koniq",),
    )  # fmt: skip
)
