"""manifest.csv: what every generated image is made of, and how it compares with its reference."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data_tools.label_file import csv_text, label_path
from rankiqa.files import write_text
from utils.delimited import Row, read_table

MANIFEST = "manifest.csv"
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
    distortion_type: str
    level: int
    seed: int | None
    psnr: float
    ssim: float
    quality: tuple[float, ...] = ()

    @property
    def is_reference(self) -> bool:
        """Whether the image is a reference, not a distorted copy."""
        return self.distortion_type == REFERENCE


def read_manifest(path: Path) -> list[Record]:
    """The records of a manifest.csv.

    Raises:
        DataError: not a manifest of live_generator.
    """
    table = read_table(path, *COLUMNS)
    metrics = [name for name in table.columns if name not in COLUMNS]
    return [_record(row, metrics) for row in table.rows]


def write_manifest(path: Path, records: Sequence[Record], metrics: Sequence[str] = ()) -> None:
    """Write the records; `metrics` are the names of what `quality` holds, which become columns."""
    write_text(path, csv_text([(*COLUMNS, *metrics), *map(_row, records)]))


def ladders_of(records: Sequence[Record]) -> list[list[Record]]:
    """For each scene and type the reference and the levels, mildest first."""
    references = {record.scene: record for record in records if record.is_reference}
    ladders: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        if not record.is_reference:
            key = record.scene, record.distortion_type
            ladders.setdefault(key, [references[record.scene]]).append(record)
    return [sorted(ladder, key=lambda record: record.level) for ladder in ladders.values()]


def ordered_pairs(records: Sequence[Record]) -> list[tuple[Record, Record]]:
    """All (better, worse) pairs within a scene and type; the reference stands above every level."""
    return [
        (better, worse)
        for ladder in ladders_of(records)
        for place, better in enumerate(ladder)
        for worse in ladder[place + 1 :]
    ]


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


def _row(record: Record) -> tuple[object, ...]:
    return (
        label_path(record.path),
        label_path(record.reference),
        record.scene,
        record.distortion_type,
        record.level,
        "" if record.seed is None else record.seed,
        "" if math.isinf(record.psnr) else f"{record.psnr:.4f}",
        f"{record.ssim:.6f}",
        *(f"{value:.7g}" for value in record.quality),
    )
