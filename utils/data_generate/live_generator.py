"""Ranked training data from reference images: LIVE's four distortions in graded strength, and label.txt.

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
from rankiqa.terminal.entry import run_program
from utils.data_generate.contact_sheet import NAME as SHEET
from utils.data_generate.contact_sheet import write_contact_sheet
from utils.data_generate.generate import contradicting, plan_tasks, run_tasks
from utils.data_generate.journal import Journal
from utils.data_generate.options import parse_options
from utils.data_generate.plan import SPLITS, Scene, in_place, into_splits
from utils.data_generate.pseudo_mos import Mapping, fit_mapping, pairs_across_types, parse_metrics, rated
from utils.data_generate.tables import (
    PAIRS,
    SCORES,
    Record,
    drop_labels,
    is_there,
    label_path,
    ordered_pairs,
    put_aside,
    recipe_of,
    write_rows,
    write_tables,
)

RECIPE_VERSION = 3  # count up when the same parameters give other pixels or rows
DEFAULT_TYPES = "jp2k,jpeg,wn,gblur"
CONTRADICTIONS = "contradictions.csv"


def main(
    argv: list[str] | None = None,
    types: str = DEFAULT_TYPES,
    prog: str = "live_generator.py",
    description: str = __doc__ or "",
) -> int:
    """Generate what `argv` asks for; 0, or 2 after a fault that the user can mend (told in one line)."""
    return run_program(
        lambda: _generate(parse_options(argv, types, prog, description)),
        "interrupted; no labels were written, start it again and it resumes",
    )


def _generate(args: argparse.Namespace) -> None:
    kinds = list(dict.fromkeys([*kinds_of(args.types), *_always(args)]))
    metrics = parse_metrics(args.metric) if args.label == "regress" or args.across_types else ()
    scenes = _scenes(args)
    todo: dict[Path, str] = {}
    for folder in dict.fromkeys(scene.folder for scene in scenes):
        # one map from metrics to labels serves all splits: they are made together, or found together
        own = scenes if metrics else [scene for scene in scenes if scene.folder == folder]
        recipe = recipe_of({**_parameters(args, kinds, own), "metrics": metrics})
        if is_there(folder, recipe):
            print(f"{folder}: already there, made with the same parameters")
        else:
            todo[folder] = recipe
    if metrics and todo:
        todo = dict.fromkeys((scene.folder for scene in scenes), next(iter(todo.values())))
    for folder in todo:
        _make_way(folder)
    work = [scene for scene in scenes if scene.folder in todo]
    if work:
        _finish(args, metrics, todo, _records(work, kinds, metrics, args, todo))


def _finish(
    args: argparse.Namespace, metrics: tuple[str, ...], todo: dict[Path, str], made: dict[Scene, list[Record]]
) -> None:
    """Labels, manifest and what is to be looked at, from the records of all scenes."""
    folders = {
        folder: [record for scene, records in made.items() if scene.folder == folder for record in records]
        for folder in todo
    }
    mapping = None
    if metrics:
        learnt = next((own for folder, own in folders.items() if folder.name == SPLITS[0]), None)
        mapping = fit_mapping(metrics, learnt or [record for own in folders.values() for record in own])
    first = next(iter(folders))
    root = first.parent if args.data is None else first
    write_contact_sheet(root / SHEET, folders[first])
    for folder, own in folders.items():
        pairs = ordered_pairs(own)
        against = contradicting(pairs)
        rows = ((label_path(better.path), label_path(worse.path), names) for better, worse, names in against)
        write_rows(folder / CONTRADICTIONS, [("better", "worse", "against"), *rows])
        said = _summary(own, pairs, against)
        labels, kind = _labels(args, own, pairs, mapping)
        if mapping is not None:
            mapping.save(folder)
        write_tables(folder, own, labels, kind, todo[folder], metrics)
        Journal(folder, todo[folder]).finish()
        print(f"{folder}: {said}; {len(labels)} rows in label.txt")


def _labels(
    args: argparse.Namespace,
    records: list[Record],
    pairs: list[tuple[Record, Record]],
    mapping: Mapping | None,
) -> tuple[list[tuple[str, str]], str]:
    """The rows of label.txt, and what they hold."""
    if mapping is not None and args.label == "regress":
        return [(label_path(each.path), f"{mos:.4f}") for each, mos in rated(records, mapping)], SCORES
    if mapping is not None:
        pairs = pairs + pairs_across_types(records, mapping, args.min_gap)
    return [(label_path(better.path), label_path(worse.path)) for better, worse in pairs], PAIRS


def _always(args: argparse.Namespace) -> list[str]:
    return kinds_of(args.always) if args.always else []


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
    # labels from an earlier run must not stand over images that are half replaced
    kept = put_aside(folder)
    if kept is not None:
        print(f"{folder}: the label.txt of another hand is kept as {kept.name}")


def _records(
    scenes: list[Scene],
    kinds: list[str],
    metrics: tuple[str, ...],
    args: argparse.Namespace,
    recipes: dict[Path, str],
) -> dict[Scene, list[Record]]:
    from tqdm import tqdm

    journals = {folder: Journal(folder, recipe) for folder, recipe in recipes.items()}
    tasks = plan_tasks(scenes, kinds, args.levels, args.seed, metrics, args.types_per_scene, _always(args))
    found = {
        (task.scene, task.kind): records
        for task in tasks
        if (records := journals[task.scene.folder].done.get((task.scene.name, task.kind)))
    }
    missing = [task for task in tasks if (task.scene, task.kind) not in found]
    if found:
        print(f"going on: {sum(map(len, found.values()))} images are there")
    total = sum(args.levels if task.kind else 1 for task in missing)
    try:
        with tqdm(total=total, unit="images", disable=None) as bar:
            for task, made in zip(missing, run_tasks(missing, args.workers), strict=True):
                journals[task.scene.folder].add(task.scene.name, task.kind, made)
                found[task.scene, task.kind] = made
                bar.update(len(made))
    finally:
        for journal in journals.values():
            journal.close()
    return {
        scene: [record for kind in ("", *kinds) for record in found.get((scene, kind), [])]
        for scene in scenes
    }


def _parameters(args: argparse.Namespace, kinds: list[str], scenes: list[Scene]) -> dict[str, object]:
    """All that decides on the content of a folder."""
    stats = [(scene, scene.source.stat()) for scene in scenes]
    return {
        "version": RECIPE_VERSION,
        "working directory": str(Path.cwd()),
        "ladders": {kind: find_distortion(kind).ladder for kind in kinds},
        "levels": args.levels,
        "types of a scene": [args.types_per_scene, *_always(args)] if args.always else args.types_per_scene,
        "seed": args.seed,
        "references": [
            (str(scene.reference), str(scene.source), stat.st_size, stat.st_mtime_ns) for scene, stat in stats
        ],
        "format": args.format,
        "label": args.label,
        "across types": args.across_types and args.min_gap,
    }


def _summary(
    records: list[Record],
    pairs: list[tuple[Record, Record]],
    against: list[tuple[Record, Record, str]],
) -> str:
    scenes = len({record.scene for record in records})
    psnr, ssim = (sum(name in names for _, _, names in against) / len(pairs) for name in ("psnr", "ssim"))
    counts = f"{scenes} scenes, {len(records)} images, {len(pairs)} pairs"
    return f"{counts}; PSNR contradicts {psnr:.2%} of them, SSIM {ssim:.2%}"


if __name__ == "__main__":
    sys.exit(main())
