"""label.txt and manifest.csv of a folder of generated data, and whether they are those that are wanted."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from data_tools.generate.manifest import MANIFEST, Record, write_manifest
from data_tools.label_file import LABELS, csv_text, first_line, put_aside
from distortions.stages import split_recipe
from rankiqa.files import write_text
from utils.delimited import read_table
from utils.errors import DataError
from utils.text_lines import read_text

PAIRS, SCORES = "better,worse", "path,mos"  # what a row holds
MARKS = {rows: f"# {rows} made by live_generator, recipe " for rows in (PAIRS, SCORES)}


def recipe_of(parameters: dict[str, object]) -> str:
    """A short name for these parameters, equal for equal ones."""
    return hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()[:16]


def is_there(folder: Path, recipe: str) -> bool:
    """Whether `folder` holds all data of `recipe`: labels come last, so where they are, all was made."""
    if _recipe_in(folder) != recipe or not (folder / MANIFEST).is_file():
        return False
    try:
        rows = read_table(folder / MANIFEST, "path").rows
        return all(Path(split_recipe(row["path"])[0]).is_file() for row in rows)
    except DataError:  # somebody changed it: to be made again
        return False


def drop_labels(folder: Path) -> bool:
    """Remove the labels in `folder` if the generator made them; says whether it did."""
    if _recipe_in(folder) is None:
        return False
    (folder / LABELS).unlink()
    return True


def make_way(folder: Path) -> None:
    """Remove or rename earlier labels: they must not stand over images that are half replaced.

    Raises:
        DataError: labels that the generator did not make can't be renamed.
    """
    file = folder / LABELS
    if not drop_labels(folder) and file.exists():
        print(f"{folder}: a label.txt that this program did not write is kept as {put_aside(file).name}")


def write_tables(
    folder: Path,
    records: Sequence[Record],
    labels: Sequence[Sequence[object]],
    rows: str,
    recipe: str,
    metrics: Sequence[str] = (),
) -> None:
    """Write the manifest, then the labels; `is_there` holds once both are on disk.

    Args:
        labels: the rows of label.txt.
        rows: what they hold, PAIRS or SCORES.
        metrics: the names of what `quality` of the records holds.
    """
    write_manifest(folder / MANIFEST, records, metrics)
    write_text(folder / LABELS, f"{MARKS[rows]}{recipe}\n" + csv_text(labels))


def relabel(source: Path, folder: Path, rows: Sequence[Sequence[object]]) -> int:
    """Write `rows` as label.txt and the manifest of `source` into `folder`; how many rows."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / MANIFEST, read_text(source / MANIFEST))
    write_text(folder / LABELS, csv_text(rows))
    return len(rows)


def _recipe_in(folder: Path) -> str | None:
    first = first_line(folder / LABELS)
    mark = next((mark for mark in MARKS.values() if first.startswith(mark)), None)
    return None if mark is None else first.removeprefix(mark).strip()
