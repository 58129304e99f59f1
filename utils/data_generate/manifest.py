"""New labels for generated images, from the manifest that lies beside them."""

import math
from collections.abc import Sequence
from pathlib import Path

from rankiqa.files import write_text
from utils.data_generate.tables import COLUMNS, LABELS, MANIFEST, Record, write_rows
from utils.delimited import Row, read_table
from utils.text_lines import read_text


def relabel(source: Path, folder: Path, rows: Sequence[Sequence[object]]) -> int:
    """Write `rows` as label.txt and the manifest of `source` into `folder`; how many rows."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / MANIFEST, read_text(source / MANIFEST))
    write_rows(folder / LABELS, rows)
    return len(rows)


def read_manifest(path: Path) -> list[Record]:
    """The records of a manifest.csv.

    Raises:
        DataError: not a manifest of live_generator.
    """
    table = read_table(path, *COLUMNS)
    metrics = [name for name in table.columns if name not in COLUMNS]
    return [_record(row, metrics) for row in table.rows]


def _record(row: Row, metrics: list[str]) -> Record:
    return Record(
        Path(row["path"]),
        Path(row["reference"]),
        row["scene"],
        row["type"],
        row.integer("level"),
        row.integer("seed") if row["seed"] else None,
        row.number("psnr") if row["psnr"] else math.inf,
        row.number("ssim"),
        tuple(row.number(name) for name in metrics),
    )
