"""Images of a prepared dataset: how label.txt names them, and their copies below --out."""

import os
import shutil
from pathlib import Path

import numpy as np

from data_tools.label_file import label_path
from public_datasets.table import RatingTable
from rankiqa.terminal.progress import progress_bar
from utils.errors import DataError


def image_paths(table: RatingTable, splits: np.ndarray, out: Path, copy: bool) -> list[str]:
    """How label.txt names the images; with `copy` they are copied to out/SPLIT/images/ first.

    Raises:
        DataError: a path that would leave the folder.
    """
    if not copy:
        root = label_path(table.root)
        prefix = "" if root == "." else f"{root.rstrip('/')}/"
        return [prefix + path for path in table.path.tolist()]
    names = []
    with progress_bar(total=len(table), desc="copying", unit="images") as bar:
        for path, split in zip(table.path.tolist(), splits.tolist(), strict=True):
            if ".." in path.split("/") or path.startswith("/"):
                raise DataError(f"{path}: lies outside {table.root}, so it can't be copied below {out}")
            target = out / split / "images" / path
            _copy_image(table.root / path, target)
            names.append(label_path(target))
            bar.update()
    return names


def _copy_image(source: Path, target: Path) -> None:
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
