"""Other labels for pictures that live_generator has made with a pseudo-MOS: nothing is distorted again.

    python utils/data_generate/live_generator.py --refs photos --out data/mos --set all --label regress
    python utils/data_generate/pairs_of_manifest.py --data data/mos --out data/pairs [--across_types]
    python utils/data_generate/pairs_of_manifest.py --data data/mos --out data/ladders --ladders

Writes OUT/{train,val,test}/label.txt with rows better,worse, and a copy of the manifest, by which evaluation
tells the types apart. With --ladders rows stay path,mos; in train/ each type of a scene is a ladder of six
rows, the clean picture and its five levels, for `main.py --criterion regress --rows_together 6`. Metrics
hardly mind some damage that people see, such as a change of brightness: --least_step lowers the labels of a
ladder of train/ so far that each level is worse than the one before by that much.
"""

import argparse
import csv
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

if __package__ in (None, ""):
    # run as a file, Python puts this folder first, where the project's packages are not
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from utils.argument_types import bounded_float, share
from utils.data_generate.plan import SPLITS
from utils.data_generate.pseudo_mos import LOW, MAPPING, load_mapping, pairs_across_types, rated
from utils.data_generate.tables import (
    COLUMNS,
    LABELS,
    MANIFEST,
    Record,
    label_path,
    ladders_of,
    ordered_pairs,
    write_rows,
)
from utils.errors import DataError, RankIQAError


def main(argv: list[str] | None = None) -> int:
    """Write the pairs; 0, or 2 after a fault that the user can mend (told in one line)."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="what live_generator wrote")
    add("--out", type=Path, required=True, metavar="DIR", help="for the labels")
    add(
        "--across_types", action="store_true", help="also pairs of two types, where all metrics agree clearly"
    )
    add("--min_gap", type=share, default=0.15, metavar="SHARE",
        help="how far apart a pair across types is for every metric (default: %(default)s)")  # fmt: skip
    add("--ladders", action="store_true", help="path,mos: the clean picture before the levels of each type")
    add("--least_step", type=bounded_float(0, 1), default=0.0, metavar="MOS",
        help="with --ladders: from level to level a label of train/ falls by at least this "
        "(default: %(default)s)")  # fmt: skip
    args = parser.parse_args(argv)
    if args.least_step and not args.ladders:
        parser.error("--least_step goes with --ladders")
    try:
        splits = [split for split in SPLITS if (args.data / split / MANIFEST).is_file()]
        if not splits:
            raise DataError(f"{args.data}: holds no {SPLITS[0]}/{MANIFEST}; live_generator writes it")
        if args.out.resolve() == args.data.resolve():
            raise DataError(f"--out {args.out} is --data: its own labels would be lost; name another folder")
        for split in splits:
            if args.ladders:
                learnt = split == SPLITS[0]
                rows = write_ladders(
                    args.data / split, args.out / split, learnt, args.least_step if learnt else 0.0
                )
            else:
                gap = args.min_gap if args.across_types else None
                rows = write_pairs(args.data / split, args.out / split, gap)
            print(f"{args.out / split}: {rows} rows")
    except RankIQAError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


def write_pairs(source: Path, folder: Path, gap: float | None) -> int:
    """Write label.txt and manifest.csv into `folder`; how many pairs.

    Args:
        source: a folder with the generator's manifest.
        gap: of `pairs_across_types`; None: pairs within a type alone.

    Raises:
        DataError: the manifest can't be read, or holds no metrics although `gap` asks for them.
    """
    records = read_manifest(source / MANIFEST)
    pairs = ordered_pairs(records)
    if gap is not None:
        pairs += pairs_across_types(records, load_mapping(source / MAPPING), gap)
    _write(source, folder, ((label_path(better.path), label_path(worse.path)) for better, worse in pairs))
    return len(pairs)


def write_ladders(source: Path, folder: Path, repeat: bool, least_step: float = 0.0) -> int:
    """Write label.txt with rows path,mos and manifest.csv into `folder`; how many rows.

    Args:
        source: a folder with the generator's manifest and its map to a pseudo-MOS.
        repeat: the clean picture before the levels of each type of its scene, six rows together; else every
            picture once.
        least_step: what a label lies below that of the milder level at least, never below 1; with `repeat`.

    Raises:
        DataError: manifest or map can't be read.
    """
    records = read_manifest(source / MANIFEST)
    mapping = load_mapping(source / MAPPING)
    if repeat:
        ladders = [rated(ladder, mapping) for ladder in ladders_of(records)]
        rows = [row for ladder in ladders for row in falling(ladder, least_step)]
    else:
        rows = rated(records, mapping)
    _write(source, folder, ((label_path(record.path), f"{mos:.4f}") for record, mos in rows))
    return len(rows)


def falling(ladder: Sequence[tuple[Record, float]], least_step: float) -> list[tuple[Record, float]]:
    """A ladder with its pseudo-MOS, mildest first, of which each lies `least_step` below the one before it.

    What falls by more stays; nothing falls below the worst label, 1.
    """
    lowered, before = [], math.inf
    for record, mos in ladder:
        before = max(LOW, min(mos, before - least_step)) if least_step else mos
        lowered.append((record, before))
    return lowered


def _write(source: Path, folder: Path, rows: Iterable[Sequence[object]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (source / MANIFEST).open(encoding="utf-8", newline="") as file:
        write_rows(folder / MANIFEST, list(csv.reader(file)))
    write_rows(folder / LABELS, rows)


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


if __name__ == "__main__":
    sys.exit(main())
