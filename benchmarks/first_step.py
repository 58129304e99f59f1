"""How soon a run on 1.4 million pairs takes its first step, and what a worker process costs in memory.

    python benchmarks/first_step.py [--workers 0 1 2 4] [--steps 20]

100,000 paths (links to a hundred small JPEGs) in 1,000 scenes, 1,400 pairs each. For every number of workers
one `main.py --train` of its own: seconds from the start of Python to the end of the first step, then the
memory of the whole run after --steps steps, in which what processes share is counted once (proportional set
size, so Linux alone).
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
from PIL import Image

from benchmarks.label_loading import scene_pairs, write_labels

ROOT = Path(__file__).resolve().parents[1]
IMAGES = 100  # behind the links: a file system allows some ten thousand links to one
ARGV = (
    *("--train", "-a", "mobilenet_v3_small", "--image_size", "32", "32", "-g", "0", "-b", "60"),
    *("--save_every", "1000000", "--epochs", "1"),
)

PROBE = """
import sys, time
began, steps = time.time(), int(sys.argv.pop(1))
import applications.train, applications.training.loop as loop
from pathlib import Path
import os
own, done = loop.train_step, []
def memory(pid):
    fields = Path(f"/proc/{pid}/smaps_rollup").read_text().split("Pss:")[1].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(fields[0]) / 1024 + sum(map(memory, children))
def step(*arguments):
    result = own(*arguments)
    done.append(time.time() - began)
    if len(done) == steps:
        Path("found").write_text(f"{done[0]} {memory(os.getpid())}")
        raise KeyboardInterrupt
    return result
loop.train_step = step
from main import main
main(sys.argv[1:])
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2, 4], help="default: 0 1 2 4")
    parser.add_argument("--steps", type=int, default=20, help="before memory is read (default: 20)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows, images = write_data(Path(folder))
        print(f"Python {platform.python_version()}, {rows:,} pairs of {images:,} images\n")
        print(
            "| worker processes | seconds to the first step's end | MB of all processes |\n|" + " --- |" * 3
        )
        for workers in args.workers:
            seconds, megabytes = measured(Path(folder), workers, args.steps)
            print(f"| {workers} | {seconds:.1f} | {megabytes:.0f} |", flush=True)


def write_data(root: Path) -> tuple[int, int]:
    """data/train and a small data/val below `root`; the numbers of pairs and images."""
    work = root / "work"
    counts = write_labels(work, scene_pairs())
    chance = np.random.default_rng(0)
    bases = [root / f"{number}.jpg" for number in range(IMAGES)]
    for base in bases:
        Image.fromarray(chance.integers(0, 256, (40, 40, 3), np.uint8)).save(base)
    for number, path in enumerate(sorted(work.glob("data/train/*/*.png"))):
        path.unlink()
        os.link(bases[number % IMAGES], path)
    (work / "label.txt").rename(work / "data/train/label.txt")
    (work / "data/val").mkdir()
    rows = (work / "data/train/label.txt").read_text(encoding="utf-8").splitlines()[:10]
    (work / "data/val/label.txt").write_text("\n".join(rows), encoding="utf-8")
    return counts


def measured(folder: Path, workers: int, steps: int) -> tuple[float, float]:
    """Seconds to the last of `steps` steps with so many loader workers, and peak memory in MB.

    Raises:
        SystemExit: the run failed; with its messages.
    """
    work = folder / "work"
    command = [sys.executable, "-c", PROBE, str(steps), *ARGV, "-j", str(workers)]
    place = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=work, env=place, capture_output=True, text=True, check=False)
    if not (work / "found").exists():
        raise SystemExit(done.stderr)
    seconds, megabytes = map(float, (work / "found").read_text(encoding="ascii").split())
    (work / "found").unlink()
    return seconds, megabytes


if __name__ == "__main__":
    main()
