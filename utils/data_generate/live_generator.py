"""Ranked training data from reference pictures: LIVE's four distortions in graded strength, and label.txt.

    python utils/data_generate/live_generator.py --data data/train/refimgs
    python utils/data_generate/live_generator.py --refs photos --out data --split 0.8 0.1 0.1

The same options give the same bytes; run again, they find the work done.
"""

import argparse
import sys
from pathlib import Path

if __package__ in (None, ""):
    # run as a file, Python puts this folder first, where the project's packages are not
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from distortions import find_distortion, kinds_of
from utils.data_generate.generate import contradicting, plan_tasks, run_tasks
from utils.data_generate.options import parse_options
from utils.data_generate.plan import SPLITS, Scene, in_place, into_splits
from utils.data_generate.tables import (
    Record,
    drop_labels,
    is_there,
    ordered_pairs,
    put_aside,
    recipe_of,
    write_tables,
)
from utils.errors import RankIQAError

RECIPE_VERSION = 1  # count up when the same parameters give other pixels or rows


def main(argv: list[str] | None = None) -> int:
    """Generate what `argv` asks for; 0, or 2 after a fault that the user can mend (told in one line)."""
    args = parse_options(argv, __doc__ or "")
    try:
        _generate(args)
    except RankIQAError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error.filename or ''}: {error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; no labels were written, start it again", file=sys.stderr)
        return 130
    return 0


def _generate(args: argparse.Namespace) -> None:
    kinds = kinds_of(args.types)
    scenes = _scenes(args)
    todo: dict[Path, str] = {}
    for folder in dict.fromkeys(scene.folder for scene in scenes):
        recipe = recipe_of(_parameters(args, kinds, [scene for scene in scenes if scene.folder == folder]))
        if is_there(folder, recipe):
            print(f"{folder}: already there, made with the same parameters")
        else:
            todo[folder] = recipe
            _make_way(folder)
    work = [scene for scene in scenes if scene.folder in todo]
    records = _records(work, kinds, args) if work else {}
    for folder, recipe in todo.items():
        own = [record for scene in work if scene.folder == folder for record in records[scene]]
        write_tables(folder, own, recipe)
        _summarise(folder, own)


def _scenes(args: argparse.Namespace) -> list[Scene]:
    suffix = f".{args.format}"
    if args.data is not None:
        return in_place(args.data, suffix)
    scenes = into_splits(args.refs, args.out, args.split, args.seed, suffix)
    for folder in {args.out / split for split in SPLITS} - {scene.folder for scene in scenes}:
        # a split that an earlier run filled would hold scenes that now belong to another
        drop_labels(folder)
    return scenes


def _make_way(folder: Path) -> None:
    # labels from an earlier run must not stand over pictures that are half replaced
    kept = put_aside(folder)
    if kept is not None:
        print(f"{folder}: the label.txt of another hand is kept as {kept.name}")


def _records(scenes: list[Scene], kinds: list[str], args: argparse.Namespace) -> dict[Scene, list[Record]]:
    from tqdm import tqdm

    tasks = plan_tasks(scenes, kinds, args.levels, args.seed)
    records: dict[Scene, list[Record]] = {scene: [] for scene in scenes}
    total = len(scenes) * (1 + len(kinds) * args.levels)
    with tqdm(total=total, unit="images", disable=None) as bar:
        for task, made in zip(tasks, run_tasks(tasks, args.workers), strict=True):
            records[task.scene] += made
            bar.update(len(made))
    return records


def _parameters(args: argparse.Namespace, kinds: list[str], scenes: list[Scene]) -> dict[str, object]:
    """All that decides on the content of a folder."""
    stats = [(scene, scene.source.stat()) for scene in scenes]
    return {
        "version": RECIPE_VERSION,
        "working directory": str(Path.cwd()),
        "ladders": {kind: find_distortion(kind).ladder for kind in kinds},
        "levels": args.levels,
        "seed": args.seed,
        "references": [
            (str(scene.reference), str(scene.source), stat.st_size, stat.st_mtime_ns) for scene, stat in stats
        ],
        "format": args.format,
    }


def _summarise(folder: Path, records: list[Record]) -> None:
    pairs = ordered_pairs(records)
    scenes = len({record.scene for record in records})
    share = contradicting(pairs) / len(pairs)
    counts = f"{scenes} scenes, {len(records)} images, {len(pairs)} pairs"
    print(f"{folder}: {counts}; PSNR contradicts {share:.2%} of them")


if __name__ == "__main__":
    sys.exit(main())
