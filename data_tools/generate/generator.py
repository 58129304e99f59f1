"""Ranked training data from reference images: LIVE's four distortions in graded strength, and label.txt.

    python utils/data_generate/live_generator.py --data data/train/refimgs
    python utils/data_generate/live_generator.py --refs photos --out data --split 0.8 0.1 0.1

The same options give the same bytes; run again, they find the work done.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from data_tools.generate.contact_sheet import NAME as SHEET
from data_tools.generate.contact_sheet import write_contact_sheet
from data_tools.generate.full_reference import parse_metrics
from data_tools.generate.journal import Journal, make_all
from data_tools.generate.manifest import Record, ordered_pairs
from data_tools.generate.options import parse_options
from data_tools.generate.plan import Scene, in_place, into_splits
from data_tools.generate.pseudo_mos import Mapping, fit_mapping, pairs_across_types, rated
from data_tools.generate.tables import PAIRS, SCORES, drop_labels, is_there, make_way, recipe_of, write_tables
from data_tools.generate.tasks import plan_tasks
from data_tools.label_file import csv_text, label_path
from distortions import find_distortion, types_of
from public_datasets.table import SPLIT_NAMES
from rankiqa.files import write_text
from rankiqa.terminal.entry import program

RECIPE_VERSION = 3  # count up when the same parameters give other pixels or rows
DEFAULT_TYPES = "jp2k,jpeg,wn,gblur"
CONTRADICTIONS = "contradictions.csv"

Pair = tuple[Record, Record]  # better, worse


@program("interrupted; no labels were written, start it again and it resumes")
def main(
    argv: list[str] | None = None, types: str = DEFAULT_TYPES, description: str | None = __doc__
) -> None:
    """Generate what `argv` asks for."""
    args = parse_options(argv, types, description)
    names = list(dict.fromkeys([*types_of(args.types), *_always(args)]))
    metrics = parse_metrics(args.metric) if args.label == "regress" or args.across_types else ()
    scenes = _scenes(args)
    recipes = _recipes_to_make(args, names, metrics, scenes)
    for folder in recipes:
        make_way(folder)
    work = [scene for scene in scenes if scene.folder in recipes]
    if work:
        tasks = plan_tasks(work, names, args.levels, args.seed, metrics, args.types_per_scene, _always(args))
        _finish(args, metrics, recipes, make_all(tasks, recipes, args.workers))


def _always(args: argparse.Namespace) -> list[str]:
    return types_of(args.always) if args.always else []


def _scenes(args: argparse.Namespace) -> list[Scene]:
    suffix = f".{args.format}"
    if args.data is not None:
        return in_place(args.data, suffix)
    scenes = into_splits(args.refs, args.out, args.split, args.seed, suffix)
    for folder in {args.out / split for split in SPLIT_NAMES} - {scene.folder for scene in scenes}:
        # a split that an earlier run filled would hold scenes that now belong to another
        drop_labels(folder)
    return scenes


def _recipes_to_make(
    args: argparse.Namespace, types: Sequence[str], metrics: tuple[str, ...], scenes: Sequence[Scene]
) -> dict[Path, str]:
    """Folder -> recipe, of the folders that do not hold their data yet."""
    recipes: dict[Path, str] = {}
    for folder in dict.fromkeys(scene.folder for scene in scenes):
        # one map from metrics to labels serves all splits: they are made together, or found together
        own = scenes if metrics else [scene for scene in scenes if scene.folder == folder]
        recipe = recipe_of({**_parameters(args, types, own), "metrics": metrics})
        if is_there(folder, recipe):
            print(f"{folder}: already there, made with the same parameters")
        else:
            recipes[folder] = recipe
    if metrics and recipes:
        return dict.fromkeys((scene.folder for scene in scenes), next(iter(recipes.values())))
    return recipes


def _parameters(args: argparse.Namespace, types: Sequence[str], scenes: Sequence[Scene]) -> dict[str, object]:
    """All that decides on the content of a folder."""
    stats = [(scene, scene.source.stat()) for scene in scenes]
    return {
        "version": RECIPE_VERSION,
        "working directory": str(Path.cwd()),
        "ladders": {name: find_distortion(name).ladder for name in types},
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


def _finish(
    args: argparse.Namespace,
    metrics: tuple[str, ...],
    recipes: dict[Path, str],
    made: dict[Scene, list[Record]],
) -> None:
    """Labels, manifest and what is to be looked at, from the records of all scenes."""
    folders = {
        folder: [record for scene, records in made.items() if scene.folder == folder for record in records]
        for folder in recipes
    }
    mapping = None
    if metrics:
        training = next((own for folder, own in folders.items() if folder.name == "train"), None)
        mapping = fit_mapping(metrics, training or [record for own in folders.values() for record in own])
    first = next(iter(folders))
    write_contact_sheet((first.parent if args.data is None else first) / SHEET, folders[first])
    for folder, records in folders.items():
        pairs = ordered_pairs(records)
        against = _contradictions(pairs)
        rows = ((label_path(better.path), label_path(worse.path), names) for better, worse, names in against)
        write_text(folder / CONTRADICTIONS, csv_text([("better", "worse", "against"), *rows]))
        said = _summary(records, len(pairs), [names for _, _, names in against])
        labels, form = _labels(args, records, pairs, mapping)
        if mapping is not None:
            mapping.save(folder)
        write_tables(folder, records, labels, form, recipes[folder], metrics)
        Journal(folder, recipes[folder]).finish()
        print(f"{folder}: {said}; {len(labels)} rows in label.txt")


def _contradictions(pairs: Sequence[Pair]) -> list[tuple[Record, Record, str]]:
    """The (better, worse) pairs that PSNR or SSIM does not confirm, with the names of those that do not."""
    found = []
    for better, worse in pairs:
        against = [name for name in ("psnr", "ssim") if getattr(better, name) <= getattr(worse, name)]
        if against:
            found.append((better, worse, " ".join(against)))
    return found


def _labels(
    args: argparse.Namespace, records: Sequence[Record], pairs: list[Pair], mapping: Mapping | None
) -> tuple[list[tuple[str, str]], str]:
    """The rows of label.txt, and what they hold."""
    if mapping is not None and args.label == "regress":
        return [(label_path(each.path), f"{mos:.4f}") for each, mos in rated(records, mapping)], SCORES
    if mapping is not None:
        pairs = pairs + pairs_across_types(records, mapping, args.min_gap)
    return [(label_path(better.path), label_path(worse.path)) for better, worse in pairs], PAIRS


def _summary(records: Sequence[Record], pairs: int, against: Sequence[str]) -> str:
    scenes = len({record.scene for record in records})
    psnr, ssim = (sum(name in names for names in against) / pairs for name in ("psnr", "ssim"))
    counts = f"{scenes} scenes, {len(records)} images, {pairs} pairs"
    return f"{counts}; PSNR contradicts {psnr:.2%} of them, SSIM {ssim:.2%}"
