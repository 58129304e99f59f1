"""--predict on 100,000 images: is memory flat, and does a killed run end with the same rows?

    python benchmarks/many_images.py --photos DIR [--count 100000] [--resume MODEL]

The images are links to JPEGs made from up to 300 of the photos. One run is left alone; another is killed
(SIGKILL) in the middle and continues by --skip_done. Memory is the resident set, read twice per second.
"""

import argparse
import csv
import itertools
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch

from benchmarks.measure import resident
from models import create_model
from rankiqa.batch.folders import find_images
from rankiqa.image import read_rgb
from rankiqa.spec import ModelSpec
from utils.checkpoint import save_checkpoint

ROOT = Path(__file__).resolve().parents[1]
SIDE = 512


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--resume", type=Path, help="(default: a small network with random weights)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        link_images(args.photos, folder, args.count)
        model = args.resume or random_model(folder / "a.pth")
        seconds, memory = run(folder, model, "whole.csv")
        tenth = max(1, len(memory) // 10)
        starts = (tenth, len(memory) // 2, len(memory) - tenth)
        parts = [statistics.mean(memory[start : start + tenth]) for start in starts]
        print(f"{args.count} images, {args.count / seconds:.0f} a second")
        print("MB after a tenth, in the middle, at the end: " + ", ".join(f"{part:.0f}" for part in parts))
        run(folder, model, "parts.csv", kill_at=args.count * 2 // 5)
        left = rows_so_far(folder / "parts.csv")
        print(f"killed after {left} rows; parts.csv is there: {(folder / 'parts.csv').exists()}")
        run(folder, model, "parts.csv", "--skip_done")
        whole, parts_rows = rows_of(folder / "whole.csv"), rows_of(folder / "parts.csv")
        print(f"rows {len(whole)} and {len(parts_rows)}, paths {len({row[0] for row in parts_rows})}")
        print(f"same rows: {sorted(whole) == sorted(parts_rows)}; same order: {whole == parts_rows}")


def link_images(photos: Path, folder: Path, count: int) -> None:
    """Fill folder/images/ with `count` hard links to at most 300 small copies of the photos."""
    bases: list[Path] = []
    for path in itertools.islice(find_images(photos), 300):
        bases.append(folder / f"{len(bases)}.jpg")
        image = read_rgb(path)
        image.thumbnail((SIDE, SIDE))
        image.save(bases[-1], quality=90)
    for number in range(count):
        place = folder / "images" / f"{number // 1000:03}"
        if number % 1000 == 0:
            place.mkdir(parents=True)
        os.link(bases[number % len(bases)], place / f"{number:06}.jpg")


def random_model(path: Path) -> Path:
    """Write a checkpoint of an untrained network to `path`, and give the path."""
    torch.manual_seed(0)
    spec = ModelSpec("mobilenet_v3_small", image_size=(96, 96))
    state = create_model(spec.arch, 1, spec.image_size).state_dict()
    save_checkpoint(path, {"spec": spec.to_dict(), "state_dict": state})
    return path


def run(
    folder: Path, model: Path, output: str, *flags: str, kill_at: int | None = None
) -> tuple[float, list[float]]:
    """Seconds and the megabytes of a run, which is killed when it has so many rows."""
    command = [sys.executable, str(ROOT / "main.py"), "--predict", str(folder / "images"), *flags]
    command += ["--resume", str(model), "--output", str(folder / output)]
    began, memory = time.monotonic(), []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            if (megabytes := resident(process.pid)) is not None:
                memory.append(megabytes)
            if kill_at is not None and rows_so_far(folder / output) >= kill_at:
                process.send_signal(signal.SIGKILL)
            time.sleep(0.5)
    if process.returncode not in (0, -signal.SIGKILL):
        raise SystemExit(f"status {process.returncode}")
    return time.monotonic() - began, memory


def rows_so_far(output: Path) -> int:
    """Number of lines in the journal of a run."""
    journal = output.with_name(f"{output.name}.partial")
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def rows_of(path: Path) -> list[tuple[str, ...]]:
    """Rows of a CSV table without its header."""
    with path.open(encoding="utf-8", newline="") as file:
        return [tuple(row) for row in csv.reader(file)][1:]


if __name__ == "__main__":
    main()
