"""Recipes to learn and judge reasons by: each family of damage about as often, at known levels.

    python utils/data_generate/reason_generator.py --refs photos --out data/reasons --images 40

Writes OUT/{train,val}/label.txt with rows `photo.jpg::STAGE::STAGE,mos` and a manifest, for `main.py --train
--reasons --resume MODEL --freeze_backbone EPOCHS`. No metric is computed: the label falls with the severest
damage and is good for nothing but order within a ladder. Train scores on recipe_generator.py's labels.
Photographs are split as recipe_generator.py splits them.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data_tools.generate.manifest import REFERENCE, Record
from data_tools.generate.photographs import Photograph, add_flags, find_photographs
from data_tools.generate.reason_recipes import ReasonPlanner, label_of, level_of, words_of
from data_tools.generate.tables import SCORES, is_there, make_way, recipe_of, write_tables
from data_tools.label_file import label_path
from distortions import seed_of
from distortions.stages import recipe_text
from rankiqa.terminal.argument_types import positive_int
from rankiqa.terminal.entry import program, program_parser

VERSION = 1  # count up when the same options give other rows


@program()
def main(argv: list[str] | None = None) -> None:
    """Write what `argv` asks for."""
    args = _options(argv)
    photographs = find_photographs(args.refs, args.exclude, args.imperfect, args.val)
    splits = {split: [photo for photo in photographs if photo.split == split] for split in ("train", "val")}
    recipe = recipe_of({
        "program": "reasons", "version": VERSION, "images": args.images, "seed": args.seed,
        "photographs": {split: [str(photo.path) for photo in chosen] for split, chosen in splits.items()},
        "imperfect": sorted({photo.path.name for photo in photographs if not photo.perfect}),
    })  # fmt: skip
    for split, chosen in splits.items():
        folder = args.out / split
        if is_there(folder, recipe):
            print(f"{folder}: already there, made with the same parameters")
            continue
        _write(folder, chosen, args, recipe)


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = program_parser(__doc__)
    add_flags(parser)
    parser.add_argument("--images", type=positive_int, default=40, metavar="N",
        help="images per photograph (default: %(default)s)")  # fmt: skip
    return parser.parse_args(argv)


def _write(folder: Path, photographs: Sequence[Photograph], args: argparse.Namespace, recipe: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    make_way(folder)
    labels: dict[str, str] = {}
    records: list[Record] = []
    for photo in photographs:
        path = photo.path
        rng = np.random.default_rng(seed_of(path.name, "reasons", 0, args.seed))
        planner = ReasonPlanner(rng, photo.size, photo.perfect)
        source = label_path(path)
        for _ in range(args.images):
            stages, damage = planner.draw()
            name = recipe_text(source, stages)
            if name in labels:
                continue
            labels[name] = f"{label_of(damage):.4f}"
            kind, level = "+".join(words_of(damage)) or REFERENCE, level_of(damage)
            records.append(Record(Path(name), Path(source), path.stem, kind, level, None, float("inf"), 1.0))
    write_tables(folder, records, list(labels.items()), SCORES, recipe)
    print(f"{folder}: {len(photographs)} photographs, {len(labels)} rows in label.txt")
