"""`rankiqa clean` on 10,000 images: seconds, and is memory flat?

    python benchmarks/clean_folder.py --photos DIR [--count 10000] [--side 128]

The images are cut-outs at many places of up to 300 of the photos, and darker, blurred, smaller and compressed
copies of some, in a folder of memory where the machine has one. Memory is the resident set, read twice per
second; time of the processor counts all threads, and other work on the machine changes it little.
"""

import argparse
import csv
import itertools
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
from PIL import Image, ImageFilter

from benchmarks.measure import resident
from rankiqa.batch.folders import find_images
from rankiqa.image import read_rgb

ROOT = Path(__file__).resolve().parents[1]
MEMORY = Path("/dev/shm")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--side", type=int, default=128, help="pixels of the longer side")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        folder = Path(name)
        make_images(args.photos, folder / "images", args.count, args.side)
        seconds, busy, memory = run(folder)
        tell(folder, args.count, seconds, busy, memory)


def make_images(photos: Path, folder: Path, count: int, side: int) -> None:
    """Fill `folder` with `count` JPEGs; every tenth is a changed copy of the one before."""
    sources = []
    for path in itertools.islice(find_images(photos), 300):
        sources.append(read_rgb(path))
        sources[-1].thumbnail((4 * side, 4 * side))
    rng = np.random.default_rng(0)
    last = sources[0]
    for number in range(count):
        place = folder / f"{number // 1000:03}"
        place.mkdir(parents=True, exist_ok=True)
        if number % 10:
            last = cut_out(sources[number % len(sources)], side, rng)
        else:
            last = changed(last, number // 10 % 4)
        last.save(place / f"{number:06}.jpg", quality=90)


def cut_out(image: Image.Image, side: int, rng: np.random.Generator) -> Image.Image:
    """A part of half the sides or more, at a place that is drawn."""
    width, height = (round(length * rng.uniform(0.4, 0.8)) for length in image.size)
    left, top = rng.integers(0, image.width - width), rng.integers(0, image.height - height)
    part = image.crop((int(left), int(top), int(left) + width, int(top) + height))
    part.thumbnail((side, side))
    return part


def changed(image: Image.Image, kind: int) -> Image.Image:
    """The same, darker, blurred, or smaller."""
    if kind == 0:
        return image
    if kind == 1:
        return image.point(lambda value: value // 4)
    return image.filter(ImageFilter.GaussianBlur(3)) if kind == 2 else image.reduce(2)


def run(folder: Path) -> tuple[float, float, list[float]]:
    """Seconds, seconds of the processor, and the megabytes of a run."""
    command = [sys.executable, "-m", "rankiqa", "clean", str(folder / "images")]
    command += ["--output", str(folder / "t.csv"), "--report", str(folder / "p.html")]
    began, memory = time.monotonic(), []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            if (megabytes := resident(process.pid)) is not None:
                memory.append(megabytes)
            time.sleep(0.5)
    if process.returncode:
        raise SystemExit(f"status {process.returncode}")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - began, used.ru_utime + used.ru_stime, memory


def tell(folder: Path, count: int, seconds: float, busy: float, memory: list[float]) -> None:
    tenth = max(1, len(memory) // 10)
    starts = (tenth, len(memory) // 2, len(memory) - 2 * tenth)
    parts = [statistics.mean(memory[start : start + tenth]) for start in starts]
    print(f"{count} images: {seconds:.0f} s, {busy:.0f} s of the processor")
    print("MB after a tenth, in the middle, near the end: " + ", ".join(f"{part:.0f}" for part in parts))
    print(f"most: {max(memory):.0f} MB; page: {(folder / 'p.html').stat().st_size / 2**20:.1f} MiB")
    with (folder / "t.csv").open(encoding="utf-8", newline="") as file:
        found = Counter(name for row in csv.DictReader(file) for name in row["findings"].split(";") if name)
    print(", ".join(f"{number} {name}" for name, number in found.most_common()))


if __name__ == "__main__":
    main()
