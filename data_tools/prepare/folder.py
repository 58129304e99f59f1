"""Files below --out: images are copied there, and what another hand wrote is kept."""

import os
import shutil
from pathlib import Path

from public_datasets.table import SPLIT_NAMES
from utils.errors import DataError

MARK = "# made by prepare_dataset"
TABLE, LEFT, SUMMARY, LABELS = "table.csv", "left_out.csv", "dataset.yaml", "label.txt"


def copy_image(source: Path, target: Path) -> None:
    """Copy with the time of change; a copy that is already there stays."""
    stat = source.stat()
    if target.is_file():
        there = target.stat()
        if (there.st_size, there.st_mtime_ns) == (stat.st_size, stat.st_mtime_ns):
            return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        shutil.copy2(source, partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def make_way(out: Path) -> list[Path]:
    """Rename what is not ours, drop our own labels; the new names of the former."""
    kept = []
    ours = _is_ours(out / SUMMARY)
    for name in (TABLE, LEFT, SUMMARY):
        if not ours and (out / name).exists():
            kept.append(_put_aside(out / name))
    for split in SPLIT_NAMES:
        file = out / split / LABELS
        if _is_ours(file):
            file.unlink()
        elif file.exists():
            kept.append(_put_aside(file))
    return kept


def _is_ours(file: Path) -> bool:
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            return lines.readline().startswith(MARK)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _put_aside(file: Path) -> Path:
    for number in range(1, 1000):
        free = file.with_name(f"{file.stem}.{number}{file.suffix}")
        if not free.exists():
            return file.rename(free)
    raise DataError(f"{file}: is of another hand, and could not be renamed; move it away")
