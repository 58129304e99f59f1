"""Training data without files of their own: recipes of damaged photographs, with labels that nobody gave.

    python utils/data_generate/recipe_generator.py --refs photos --out data/recipes --groups 4

Writes OUT/{train,val}/label.txt with rows `photo.jpg::STAGE::STAGE,mos` and a manifest. The images are made
when training reads them (distortions/stages.py); full-reference metrics against the clean photograph, and
what is known by construction, give the labels. Each photograph gets --groups groups of six rows:
`main.py --criterion regress --group_size 6 --rank_weight 1` sees a group in one step. An interrupted run
resumes.
"""

import argparse
import json
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from data_tools.generate.full_reference import parse_metrics
from data_tools.generate.journal import read_log
from data_tools.generate.manifest import Record
from data_tools.generate.photographs import Photograph, add_flags, find_photographs
from data_tools.generate.pseudo_mos import Mapping
from data_tools.generate.recipe_groups import GroupPlanner
from data_tools.generate.recipe_labels import Measured, fit_recipes, labels_of, measure
from data_tools.generate.recipe_types import PlannedRow
from data_tools.generate.tables import SCORES, is_there, make_way, recipe_of, write_tables
from data_tools.generate.tasks import use_one_thread
from data_tools.label_file import label_path
from distortions import LEVELS, seed_of
from distortions.stages import recipe_text
from rankiqa.append_log import AppendLog
from rankiqa.machine import usable_cores
from rankiqa.terminal.argument_types import positive_int
from rankiqa.terminal.entry import program, program_parser
from rankiqa.terminal.progress import progress_bar
from utils.processes import map_in_processes

VERSION = 4  # count up when the same options give other rows
JOURNAL = "measured.jsonl"


@program("interrupted; start it again and it resumes")
def main(argv: list[str] | None = None) -> None:
    """Plan, measure and label what `argv` asks for."""
    args = _options(argv)
    metrics = parse_metrics(args.metric)
    photographs = find_photographs(args.refs, args.exclude, args.imperfect, args.val)
    recipe = recipe_of({
        "version": VERSION, "groups": args.groups, "seed": args.seed, "metrics": metrics,
        "photographs": [(str(photo.path), photo.split, photo.perfect) for photo in photographs],
    })  # fmt: skip
    if all(is_there(args.out / split, recipe) for split in ("train", "val")):
        print(f"{args.out}: already there, made with the same parameters")
        return
    measured = _measure_all(args, photographs, metrics, recipe)
    splits: dict[str, list[Measured]] = {"train": [], "val": []}
    for photo, item in zip(photographs, measured, strict=True):
        splits[photo.split].append(item)
    mapping = fit_recipes(metrics, splits["train"])
    for split, chosen in splits.items():
        _write(args.out / split, chosen, mapping, metrics, recipe)


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = program_parser(__doc__)
    add_flags(parser)
    add = parser.add_argument
    add("--groups", type=positive_int, default=4, metavar="N",
        help="groups of six images per photograph (default: %(default)s)")  # fmt: skip
    add("--metric", default="vsi,mdsi,haarpsi", metavar="LIST",
        help="full-reference metrics of the library piq (default: %(default)s)")  # fmt: skip
    add("-j", "--workers", type=positive_int, default=usable_cores(), metavar="N",
        help="number of processes (default: all cores, %(default)s)")  # fmt: skip
    return parser.parse_args(argv)


def _plan(photo: Photograph, groups: int, seed: int) -> list[list[PlannedRow]]:
    rng = np.random.default_rng(seed_of(photo.path.name, "recipes", 0, seed))
    planner = GroupPlanner(rng, float(math.prod(photo.size)), photo.perfect)
    return [planner.draw() for _ in range(groups)]


def _measure_all(
    args: argparse.Namespace, photographs: Sequence[Photograph], metrics: tuple[str, ...], recipe: str
) -> list[Measured]:
    plans = [_plan(photo, args.groups, args.seed) for photo in photographs]
    args.out.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {}

    def enter(content: dict[str, Any]) -> None:
        groups = content["values"]
        found[content["source"]] = [[row and tuple(map(tuple, row)) for row in group] for group in groups]

    log = AppendLog(args.out / JOURNAL, measure=lambda path: read_log(path, recipe, enter))
    if not log.resumed:
        log.append(json.dumps({"recipe": recipe}) + "\n")
    missing = [number for number, photo in enumerate(photographs) if str(photo.path) not in found]
    tasks = [(str(photographs[number].path), plans[number]) for number in missing]
    work = partial(_measure_one, metrics=metrics)
    try:
        made = map_in_processes(work, tasks, args.workers, prepare=use_one_thread)
        with progress_bar(total=len(tasks), desc="metrics", unit="photo") as bar:
            for item in made:
                found[item.source] = item.values
                log.append(json.dumps({"source": item.source, "values": item.values}) + "\n")
                bar.update()
    finally:
        log.close()
    return [
        Measured(str(photo.path), plan, found[str(photo.path)])
        for photo, plan in zip(photographs, plans, strict=True)
    ]


def _measure_one(task: tuple[str, list[list[PlannedRow]]], metrics: tuple[str, ...]) -> Measured:
    import torch

    torch.set_num_threads(1)
    return measure(*task, metrics)


def _write(
    folder: Path, measured: Sequence[Measured], mapping: Mapping, metrics: tuple[str, ...], recipe: str
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    make_way(folder)
    labels: list[tuple[str, str]] = []
    records: list[Record] = []
    for item in measured:
        source = label_path(Path(item.source))
        for group, values in zip(item.groups, item.values, strict=True):
            for row, value, mos in zip(group, values, labels_of(group, values, mapping), strict=True):
                name = recipe_text(source, row.stages)
                labels.append((name, f"{mos:.4f}"))
                quality = value[0] if value else (float("nan"),) * len(metrics)
                records.append(_record(name, Path(source), row, quality))
    mapping.save(folder)
    write_tables(folder, records, labels, SCORES, recipe, metrics)
    print(f"{folder}: {len(measured)} photographs, {len(labels)} rows in label.txt")


def _record(name: str, source: Path, row: PlannedRow, quality: tuple[float, ...]) -> Record:
    level = min(round(row.level), LEVELS)
    return Record(
        Path(name), source, source.stem, row.distortion_type, level, None, float("inf"), 1.0, quality
    )
