"""New labels for generated pictures, from the manifest that lies beside them."""

import csv
from collections.abc import Sequence
from pathlib import Path

from utils.data_generate.tables import COLUMNS, LABELS, MANIFEST, Record, write_rows
from utils.errors import DataError


def relabel(source: Path, folder: Path, rows: Sequence[Sequence[object]]) -> int:
    """Write `rows` as label.txt and the manifest of `source` into `folder`; how many rows."""
    folder.mkdir(parents=True, exist_ok=True)
    with (source / MANIFEST).open(encoding="utf-8", newline="") as file:
        write_rows(folder / MANIFEST, list(csv.reader(file)))
    write_rows(folder / LABELS, rows)
    return len(rows)


def read_manifest(path: Path) -> list[Record]:
    """The records of a manifest.csv.

    Raises:
        DataError: not a manifest of live_generator.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        metrics = [name for name in rows.fieldnames or () if name not in COLUMNS]
        try:
            return [_record(row, metrics) for row in rows]
        except (KeyError, ValueError, TypeError) as error:
            raise DataError(
                f"{path}:{rows.line_num}: not a row of live_generator's manifest ({error}); generate it again"
            ) from error


def _record(row: dict[str, str], metrics: list[str]) -> Record:
    return Record(
        Path(row["path"]),
        Path(row["reference"]),
        row["scene"],
        row["type"],
        int(row["level"]),
        int(row["seed"]) if row["seed"] else None,
        float(row["psnr"] or "inf"),
        float(row["ssim"]),
        tuple(float(row[name]) for name in metrics),
    )
