"""`table`: ratings of your own, a table with a header, in place of a published set."""

import posixpath
from dataclasses import replace
from pathlib import Path

import numpy as np

from public_datasets.registry import register
from public_datasets.source import Source
from public_datasets.table import LeftOut, Provenance, RatingTable, make_table
from public_datasets.votes import RATERS, agreeing, gather_votes, hold_votes, in_words, without_repeats
from utils.delimited import DELIMITERS, Row, Table, read_table
from utils.errors import DataError

UNKNOWN = ("", "nan", "none", "null", "na", "n/a", "-")  # how tables spell that a scene is not known


@register(
    "table",
    "Your own ratings.csv",
    Provenance("higher", 0, 1, "ratings of your own", "", "as you say"),
)
def read(source: Source, provenance: Provenance) -> RatingTable:
    """ratings.csv below --root (or --labels): columns `path`, `score`, and, if known, `scene`, `type`, `std`.

    A row is an image, or one vote: where images have several rows and there is a column of raters (`RATERS`),
    where most images have several rows whose scores differ, or where the user says so. Votes become their
    mean, standard deviation and histogram. Images of one scene share a split; one without a scene is a scene
    of its own.

    Raises:
        DataError: no such file, no such columns, a score that is no number or outside 1..num_classes, a
            deviation that is no number or negative, rows of one image that contradict each other.
    """
    table = read_table(_file(source), "path", "score")
    if not table.rows:
        raise DataError(f"{table.file}: holds a header and no rows; every line needs path,score")
    scores = table.numbers("score")
    _require_range(table.rows, scores, source.num_classes)
    paths = [_plain(row) for row in table.rows]
    numbers: dict[str, int] = {}
    keys = [source.locate(path) or path for path in paths] if source.check_images else paths
    images = np.array([numbers.setdefault(key, len(numbers)) for key in keys])
    repeated = len(numbers) < len(images)
    rater = next((name for name in RATERS if name in table.columns and (repeated or source.votes)), "")
    votes = bool(source.votes or rater or hold_votes(table, images, scores))
    kept = without_repeats(table, images, scores, rater, votes)
    left_out = [
        LeftOut(f"line {table.rows[row].line}", paths[row], "repeats an earlier row")
        for row in np.flatnonzero(~kept)
    ]
    _, first = np.unique(images, return_index=True)
    columns: dict[str, object] = {"mos": scores[first]}
    if "std" in table.columns and not votes:
        columns["std"] = _deviations(table.rows)[first]
    low, high = float(scores.min()), float(scores.max())  # nobody tells the ends of the scale
    notes = _notes(table, rater, votes)
    if votes:
        gathered = gather_votes(scores[kept], images[kept], source.num_classes)
        columns = {"mos": gathered.mos, "std": gathered.std, "votes": gathered.count}
        columns["histogram"] = gathered.histogram
        low, high = (1.0, float(source.num_classes)) if source.num_classes else (low, high)
        notes += in_words(gathered, [row[rater] for row in table.rows] if rater else [], source.num_classes)
    return make_table(
        "table", source.root, replace(provenance, low=low, high=high),
        [paths[row] for row in first], left_out=left_out, notes=notes,
        scene=_known(agreeing(table.rows, images, "scene")) if "scene" in table.columns else None,
        kind=agreeing(table.rows, images, "type") if "type" in table.columns else None, **columns,
    )  # fmt: skip


def _file(source: Source) -> Path:
    file = source.label_file("ratings.csv")
    same = [] if source.labels else source.files["ratings.csv"]
    if len(same) > 1 and same[0].count("/") == same[1].count("/"):
        raise DataError(f"{source.root}: holds {' and '.join(same[:2])}; say by --labels which one is meant")
    return file


def _require_range(rows: list[Row], scores: np.ndarray, num_classes: int | None) -> None:
    if num_classes is None:
        return
    outside = np.flatnonzero((scores < 1) | (scores > num_classes))
    if len(outside):
        raise DataError(
            f"{rows[outside[0]].where}: score {scores[outside[0]]:g} lies outside 1..{num_classes}, "
            f"as {len(outside) - 1} more do; correct it or --num_classes, or add --rescale 1 {num_classes}"
        )


def _deviations(rows: list[Row]) -> np.ndarray:
    """(R,) deviations of the ratings of each image; NaN where a cell says that it is not known."""
    found = np.array([np.nan if row["std"].lower() in UNKNOWN else row.number("std") for row in rows])
    for row in np.flatnonzero(found < 0):
        raise DataError(f"{rows[row].where}: std {found[row]:g} is negative; it is a deviation of ratings")
    return found


def _plain(row: Row) -> str:
    """Two spellings of a path are one image."""
    if not row["path"]:
        raise DataError(f"{row.where}: path is empty; every row needs the path of an image")
    return posixpath.normpath(row["path"].replace("\\", "/"))


def _known(scenes: list[str]) -> list[str]:
    return ["" if scene.lower() in UNKNOWN else scene for scene in scenes]


def _notes(table: Table, rater: str, votes: bool) -> list[str]:
    notes = []
    if table.delimiter != ",":
        decimal = " and numbers have decimal commas" if table.has_decimal_commas("score") else ""
        notes.append(f"cells are separated by {DELIMITERS[table.delimiter]}{decimal}")
    used = ("path", "score", "scene", "type", rater or "path", "path" if votes else "std")
    unused = [
        name or "the first one" for name in table.columns if name not in used and _holds_text(table, name)
    ]
    if unused:
        notes.append(f"columns that are not used: {', '.join(unused)}")
    return notes


def _holds_text(table: Table, name: str) -> bool:
    return any(row[name] for row in table.rows)
