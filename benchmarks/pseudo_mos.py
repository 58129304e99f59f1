"""Full-reference metrics as teachers: how they rank what people rated, and how far they agree.

    python benchmarks/pseudo_mos.py people --ratings labels.csv [--root DIR]
    python benchmarks/pseudo_mos.py agreement --refs DIR [--count 20] [--types tid2013] [-j N]

`people`: SRCC of each metric, and of means of ranks, with human scores. labels.csv has the columns path,
reference and one of dmos, dmos_realigned (lower is better) or mos; paths are relative to --root, by default
the folder of labels.csv. Images equal to their reference are left out. Intervals are percentile bootstraps
over images, 95%.

`agreement`: the images of --refs, cut to 512 x 384, in every type and level; for each two metrics the SRCC
over all of them (types mixed), the median of it over scenes, and the share of pairs across types within a
scene that both put in the same order.
"""

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from data_tools.generate.full_reference import METRICS, psnr_of, qualities
from data_tools.generate.pseudo_mos import Mapping
from distortions import distort, seed_of, types_of
from distortions.registry import LEVELS
from metrics.bootstrap import bootstrap_intervals
from rankiqa.batch.folders import find_images
from rankiqa.image import read_rgb
from rankiqa.machine import usable_cores
from rankiqa.terminal.progress import progress_bar
from utils.delimited import read_table

WIDTH, HEIGHT = 512, 384
MIXES = (("vsi", "mdsi", "haarpsi"), ("fsim", "vsi", "mdsi", "haarpsi", "gmsd"), ("vsi", "haarpsi"))
COMPARED = ["vsi", "fsim", "mdsi", "gmsd", "haarpsi", "ms_ssim", "psnr"]
COLUMNS = {"mos": 1.0, "dmos": -1.0, "dmos_realigned": -1.0}


def main() -> None:
    args = _options()
    _one_thread()
    people(args) if args.what == "people" else agreement(args)


def people(args: argparse.Namespace) -> None:
    """Print how each metric agrees with people's ratings."""
    table = read_table(args.ratings, "path", "reference")
    rows = table.rows
    column = next(name for name in COLUMNS if name in table.columns)
    root = args.root or args.ratings.parent
    pairs = [(root / row["reference"], root / row["path"]) for row in rows]
    with ProcessPoolExecutor(args.workers, initializer=_one_thread) as pool:
        judged = _watched(pool.map(judge_files, pairs), len(pairs))
    kept = [i for i, values in enumerate(judged) if np.isfinite(values[-1])]
    opinions = np.array([COLUMNS[column] * rows[i].number(column) for i in kept])
    values = np.array([judged[i] for i in kept])
    types = np.array([rows[i].get("type") for i in kept])
    print(f"{len(kept)} of {len(rows)} images, {len({rows[i]['reference'] for i in kept})} references\n")
    print("| metric | SRCC | 95% interval | within types, mean |\n| --- | --- | --- | --- |")
    columns = dict(zip((*METRICS, "psnr"), values.T, strict=True))
    columns |= {f"mean of ranks: {', '.join(mix)}": _mixed(columns, mix) for mix in MIXES}
    for name, column_values in columns.items():
        low, high = bootstrap_intervals(_srcc, column_values, opinions)["srcc"]
        within = [_srcc(column_values[types == t], opinions[types == t])["srcc"] for t in np.unique(types)]
        whole = _srcc(column_values, opinions)["srcc"]
        print(f"| {name} | {whole:.3f} | {low:.3f} to {high:.3f} | {np.mean(within):.3f} |")


def agreement(args: argparse.Namespace) -> None:
    """Print how the full-reference metrics agree with each other over generated levels."""
    kinds = types_of(args.types)
    paths = sorted(find_images(args.refs))[: args.count]
    work = [(path, kind) for path in paths for kind in kinds]
    with ProcessPoolExecutor(args.workers, initializer=_one_thread) as pool:
        judged = _watched(pool.map(judge_levels, *zip(*work, strict=True)), len(work))
    values = np.array(judged).reshape(len(paths), len(kinds) * LEVELS, -1)
    kind_of = np.repeat(np.arange(len(kinds)), LEVELS)
    first, second = np.triu_indices(len(kind_of), 1)
    across = kind_of[first] != kind_of[second]
    first, second = first[across], second[across]
    pairs = first.size * len(paths)
    print(f"{len(values)} scenes, {values[..., 0].size} images, {pairs} pairs across types\n")
    print("| metrics | SRCC over all | median over scenes | same order |\n| --- | --- | --- | --- |")
    names = (*METRICS, "psnr")
    for a, b in combinations([names.index(name) for name in args.metrics], 2):
        overall = _srcc(values[..., a].ravel(), values[..., b].ravel())["srcc"]
        scenes = np.median([_srcc(scene[:, a], scene[:, b])["srcc"] for scene in values])
        signs = [np.sign(values[:, first, m] - values[:, second, m]) for m in (a, b)]
        print(
            f"| {names[a]}, {names[b]} | {overall:.3f} | {scenes:.3f} | {(signs[0] == signs[1]).mean():.3f} |"
        )


def judge_files(pair: tuple[Path, Path]) -> tuple[float, ...]:
    """All metrics, then PSNR, of the image pair[1] against pair[0]."""
    return _judge(*(np.asarray(read_rgb(path)) for path in pair))


def judge_levels(path: Path, kind: str) -> list[tuple[float, ...]]:
    """The same for the five levels of `kind` on one image."""
    image = np.ascontiguousarray(np.asarray(read_rgb(path))[:HEIGHT, :WIDTH])
    levels = range(1, LEVELS + 1)
    return [
        _judge(image, distort(image, kind, level, seed_of(path.stem, kind, level, 0))) for level in levels
    ]


def _judge(reference: np.ndarray, image: np.ndarray) -> tuple[float, ...]:
    return *qualities(reference, image, tuple(METRICS)), psnr_of(reference, image)


def _watched(results: Iterator[Any], total: int) -> list[Any]:
    found = []
    with progress_bar(total=total, desc="metrics", unit="tasks") as bar:
        for result in results:
            found.append(result)
            bar.update()
    return found


def _mixed(columns: dict[str, np.ndarray], mix: tuple[str, ...]) -> np.ndarray:
    values = np.stack([columns[name] for name in mix], axis=1)
    return Mapping(mix, values).mos(values)


def _srcc(values: np.ndarray, opinions: np.ndarray) -> dict[str, float]:
    from metrics.correlation import srcc

    return {"srcc": srcc(values, opinions)}


def _one_thread() -> None:
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def _options() -> argparse.Namespace:
    form = {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False}
    parser = argparse.ArgumentParser(description=__doc__, **form)  # type: ignore[arg-type]
    commands = parser.add_subparsers(dest="what", required=True)
    rated = commands.add_parser("people", help="SRCC with human scores")
    rated.add_argument("--ratings", type=Path, required=True, metavar="CSV", help="path,reference and scores")
    rated.add_argument("--root", type=Path, metavar="DIR", help="where its paths begin (default: its folder)")
    made = commands.add_parser("agreement", help="of the metrics with each other, across types")
    made.add_argument("--refs", type=Path, required=True, metavar="DIR", help="folder of pristine images")
    made.add_argument("--count", type=int, default=20, help="images, the first by name (default: 20)")
    made.add_argument("--types", default="tid2013", help="sets or types (default: tid2013)")
    made.add_argument("--metrics", nargs="+", default=COMPARED, choices=[*METRICS, "psnr"], metavar="NAME",
        help="which to compare (default: seven)")  # fmt: skip
    for command in (rated, made):
        command.add_argument(
            "-j", "--workers", type=int, default=usable_cores(), help="processes (default: all cores)"
        )
    return parser.parse_args()


if __name__ == "__main__":
    main()
