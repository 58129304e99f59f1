"""Recipes to learn and judge reasons by: each family of damage about as often, at known levels.

    python utils/data_generate/reason_generator.py --refs photos --out data/reasons --images 40

Writes OUT/{train,val}/label.txt with rows `photo.jpg::STAGE::STAGE,mos` and a manifest, for `main.py --train
--reasons --resume MODEL --freeze_backbone EPOCHS`. No metric is computed: the label falls with the severest
damage and is good for nothing but order within a ladder. Train scores on recipe_generator.py's labels.
Photographs are split as recipe_generator.py splits them.
"""

import argparse
import fnmatch
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from data_tools.generate.manifest import REFERENCE, Record
from data_tools.generate.plan import find_references, group_look_alikes
from data_tools.generate.reason_recipes import ReasonPlanner, label_of, level_of, words_of
from data_tools.generate.tables import SCORES, is_there, make_way, recipe_of, write_tables
from data_tools.label_file import label_path
from data_tools.splits import split_scenes
from distortions import seed_of
from distortions.stages import recipe_text
from rankiqa.terminal.argument_types import positive_int
from rankiqa.terminal.entry import program, program_parser
from utils.errors import DataError
from utils.text_lines import read_text

VERSION = 1  # count up when the same options give other rows


@program()
def main(argv: list[str] | None = None) -> None:
    """Write what `argv` asks for."""
    args = _options(argv)
    imperfect = set(read_text(args.imperfect).splitlines()) - {""} if args.imperfect else set()
    splits = _splits(args)
    recipe = recipe_of({
        "program": "reasons", "version": VERSION, "images": args.images, "seed": args.seed,
        "photographs": {split: list(map(str, paths)) for split, paths in splits.items()},
        "imperfect": sorted(imperfect),
    })  # fmt: skip
    for split, paths in splits.items():
        folder = args.out / split
        if is_there(folder, recipe):
            print(f"{folder}: already there, made with the same parameters")
            continue
        _write(folder, paths, args, imperfect, recipe)


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = program_parser(__doc__)
    add = parser.add_argument
    add("--refs", type=Path, nargs="+", required=True, metavar="DIR", help="folders of clean photographs")
    add("--out", type=Path, required=True, metavar="DIR", help="folder for train/ and val/")
    add("--exclude", nargs="*", default=[], metavar="PATTERN", help="file names that are left out")
    add("--imperfect", type=Path, metavar="FILE",
        help="text file that names photographs with noise of their own, which are shrunk")  # fmt: skip
    add("--images", type=positive_int, default=40, metavar="N",
        help="images per photograph (default: %(default)s)")  # fmt: skip
    add("--val", type=float, default=0.06, metavar="SHARE",
        help="share of the photographs for val (default: %(default)s)")  # fmt: skip
    add("--seed", type=int, default=0, metavar="N", help="seed of the recipes (default: %(default)s)")
    return parser.parse_args(argv)


def _splits(args: argparse.Namespace) -> dict[str, list[Path]]:
    """The photographs of train and val, look-alikes in one."""
    paths = [path for folder in args.refs for path in find_references(folder)]
    paths = [path for path in paths if not any(fnmatch.fnmatch(path.name, text) for text in args.exclude)]
    if not paths:
        raise DataError(f"--exclude leaves out every photograph in {', '.join(map(str, args.refs))}")
    groups: dict[str, Sequence[Path]] = {}
    for group in group_look_alikes(paths):
        name = group[0].name  # not the folder: see recipe_generator
        while name in groups:
            name += "'"
        groups[name] = group
    splits = split_scenes(list(groups), (1 - args.val, args.val, 0), args.seed)
    return {split: [path for name in splits[split] for path in groups[name]] for split in ("train", "val")}


def _write(
    folder: Path, paths: Sequence[Path], args: argparse.Namespace, imperfect: set[str], recipe: str
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    make_way(folder)
    labels: dict[str, str] = {}
    records: list[Record] = []
    for path in paths:
        with Image.open(path) as image:
            size = image.height, image.width
        rng = np.random.default_rng(seed_of(path.name, "reasons", 0, args.seed))
        planner = ReasonPlanner(rng, size, path.name not in imperfect)
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
    print(f"{folder}: {len(paths)} photographs, {len(labels)} rows in label.txt")
