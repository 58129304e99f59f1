"""Ladders for training: a clean image and its levels in rows that follow one another, with a pseudo-MOS."""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from data_tools.generate.manifest import MANIFEST, Record, ladders_of, read_manifest
from data_tools.generate.pseudo_mos import LOW, MAPPING, load_mapping, rated
from data_tools.generate.tables import relabel
from data_tools.generate.tasks import write_image
from data_tools.label_file import label_path
from distortions import seed_of
from distortions.variants import look_alike
from rankiqa.files import is_newer
from rankiqa.image import read_rgb
from rankiqa.terminal.progress import progress_bar
from utils.processes import map_in_processes

LEAST_SIDE = 224  # pixels: what training crops from an image


def write_scores(source: Path, folder: Path) -> int:
    """Write label.txt with rows path,mos, every image once, and manifest.csv into `folder`; how many rows.

    Args:
        source: a folder with the generator's manifest and its map to a pseudo-MOS.

    Raises:
        DataError: manifest or map can't be read.
    """
    rows = rated(read_manifest(source / MANIFEST), load_mapping(source / MAPPING))
    return _write_scores(source, folder, ((record.path, mos) for record, mos in rows))


def write_ladders(source: Path, folder: Path, least_step: float = 0.0, workers: int = 0) -> int:
    """The same, with the clean image before the levels of each type of its scene, six consecutive rows.

    Args:
        least_step: what a label lies below that of the milder level at least, never below 1.
        workers: processes that make a look-alike of the clean image, which follows it with the same label
            as a seventh row of each ladder; 0: none.

    Raises:
        DataError, ImageError: manifest, map or a clean image can't be read.
    """
    mapping = load_mapping(source / MAPPING)
    ladders = ladders_of(read_manifest(source / MANIFEST))
    rows = [
        [(record.path, mos) for record, mos in falling(rated(ladder, mapping), least_step)]
        for ladder in ladders
    ]
    if workers:
        for ladder, path in zip(rows, write_look_alikes(ladders, folder / "alike", workers), strict=True):
            ladder.insert(1, (path, ladder[0][1]))
    return _write_scores(source, folder, (row for ladder in rows for row in ladder))


def _write_scores(source: Path, folder: Path, rows: Iterable[tuple[Path, float]]) -> int:
    return relabel(source, folder, [(label_path(path), f"{mos:.4f}") for path, mos in rows])


def falling(ladder: Sequence[tuple[Record, float]], least_step: float) -> list[tuple[Record, float]]:
    """A ladder with its pseudo-MOS, mildest first, of which each lies `least_step` below the one before it.

    What falls by more stays; nothing falls below the worst label, 1.
    """
    lowered, before = [], math.inf
    for record, mos in ladder:
        before = max(LOW, min(mos, before - least_step)) if least_step else mos
        lowered.append((record, before))
    return lowered


def write_look_alikes(ladders: Sequence[Sequence[Record]], folder: Path, workers: int) -> list[Path]:
    """Write one look-alike of the first image of each ladder as PNG into `folder`; their paths, in order.

    What is drawn depends on the scene and the type of the ladder alone.

    Raises:
        ImageError: an image can't be read.
        DataError: a worker was killed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = map_in_processes(partial(_write_one, folder), [ladder[1] for ladder in ladders], workers, chunk=8)
    return list(_counted(made, len(ladders)))


def _counted(paths: Iterator[Path], total: int) -> Iterator[Path]:
    with progress_bar(total=total, desc="look-alikes", unit="image") as bar:
        for path in paths:
            yield path
            bar.update()


def _write_one(folder: Path, level: Record) -> Path:
    path = folder / f"{level.scene}_{level.distortion_type}.png"
    if not is_newer(path, level.reference):
        rng = np.random.default_rng(seed_of(level.scene, f"alike {level.distortion_type}", 0, 0))
        write_image(path, np.asarray(look_alike(read_rgb(level.reference), rng, LEAST_SIDE)))
    return path
