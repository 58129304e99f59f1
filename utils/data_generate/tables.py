"""label.txt and manifest.csv of one folder of generated data."""

import hashlib
import io
import json
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rankiqa.batch.csv_rows import write_csv
from rankiqa.files import write_text
from utils.delimited import read_table
from utils.errors import DataError

LABELS, MANIFEST = "label.txt", "manifest.csv"
PAIRS, SCORES = "better,worse", "path,mos"  # what a row holds
MARKS = {rows: f"# {rows} made by live_generator, recipe " for rows in (PAIRS, SCORES)}
COLUMNS = ("path", "reference", "scene", "type", "level", "seed", "psnr", "ssim")
REFERENCE = "reference"  # the `type` of a reference's own row


@dataclass(frozen=True)
class Record:
    """One row of the manifest. A reference has level 0, no seed, an infinite PSNR and an SSIM of 1.

    `quality` holds the values of the full-reference metrics that were asked for, higher = better.
    """

    path: Path
    reference: Path
    scene: str
    kind: str
    level: int
    seed: int | None
    psnr: float
    ssim: float
    quality: tuple[float, ...] = ()


def label_path(path: Path) -> str:
    """`path` as the labels spell it: relative to the working directory where it lies below, with slashes."""
    full, here = Path(os.path.abspath(path)), Path.cwd()  # noqa: PTH100 - resolve() would leave a linked data/
    return full.relative_to(here).as_posix() if full.is_relative_to(here) else full.as_posix()


def ladders_of(records: Sequence[Record]) -> list[list[Record]]:
    """For each scene and type the reference and the levels, mildest first."""
    references = {record.scene: record for record in records if record.kind == REFERENCE}
    ladders: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        if record.kind != REFERENCE:
            ladders.setdefault((record.scene, record.kind), [references[record.scene]]).append(record)
    return [sorted(ladder, key=lambda record: record.level) for ladder in ladders.values()]


def ordered_pairs(records: Sequence[Record]) -> list[tuple[Record, Record]]:
    """All (better, worse) pairs within a scene and type; the reference stands above every level."""
    return [
        (better, worse)
        for ladder in ladders_of(records)
        for place, better in enumerate(ladder)
        for worse in ladder[place + 1 :]
    ]


def recipe_of(parameters: dict[str, object]) -> str:
    """A short name for these parameters, equal for equal ones."""
    return hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()[:16]


def is_there(folder: Path, recipe: str) -> bool:
    """Whether `folder` holds all data of `recipe`: labels come last, so where they are, all was made."""
    if _recipe_in(folder) != recipe or not (folder / MANIFEST).is_file():
        return False
    try:
        return all(Path(row["path"]).is_file() for row in read_table(folder / MANIFEST, "path").rows)
    except DataError:  # another hand changed it: to be made again
        return False


def drop_labels(folder: Path) -> bool:
    """Remove the labels in `folder` if the generator made them; says whether it did."""
    if _recipe_in(folder) is None:
        return False
    (folder / LABELS).unlink()
    return True


def put_aside(folder: Path) -> Path | None:
    """Make way for new labels: drop the generator's own, rename those of another hand and say to what."""
    file = folder / LABELS
    if drop_labels(folder) or not file.exists():
        return None
    for number in range(1, 1000):
        kept = folder / f"label.{number}.txt"
        if not kept.exists():
            return file.rename(kept)
    raise DataError(f"{file}: is not the generator's, and could not be renamed; move it away")


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
        metrics: the names of what `quality` holds, which become columns of the manifest.
    """
    write_text(folder / MANIFEST, _csv_text([(*COLUMNS, *metrics), *map(_manifest_row, records)]))
    write_text(folder / LABELS, f"{MARKS[rows]}{recipe}\n" + _csv_text(labels))


def write_rows(path: Path, rows: Iterable[Sequence[object]]) -> None:
    """Write `rows` as CSV."""
    write_text(path, _csv_text(rows))


def _recipe_in(folder: Path) -> str | None:
    try:
        with (folder / LABELS).open(encoding="utf-8", errors="replace") as file:
            first = file.readline()
    except FileNotFoundError:
        return None
    mark = next((mark for mark in MARKS.values() if first.startswith(mark)), None)
    return None if mark is None else first.removeprefix(mark).strip()


def _manifest_row(record: Record) -> tuple[object, ...]:
    psnr = "" if math.isinf(record.psnr) else f"{record.psnr:.4f}"
    seed = "" if record.seed is None else record.seed
    paths = label_path(record.path), label_path(record.reference)
    return (
        *paths,
        record.scene,
        record.kind,
        record.level,
        seed,
        psnr,
        f"{record.ssim:.6f}",
        *(f"{value:.7g}" for value in record.quality),
    )


def _csv_text(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    write_csv(text, rows)
    return text.getvalue()
