"""How fast images are generated, and where the time goes.

    python benchmarks/generation.py --refs DIR [--count 12] [--sets live tid2013] [-j N]

Images of --refs, cut to 512 x 384, go through the generator's own command line: images per second on all
cores, and the processor time of its processes as a share of cores x wall time. Then the same work in one
process under Python's profiler: the share spent inside libraries (Pillow's codecs, OpenCV, SciPy,
scikit-image, NumPy) and in what part of the work.
"""

import argparse
import cProfile
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from data_tools.generate.plan import in_place
from data_tools.generate.tasks import plan_tasks, run_task, use_one_thread
from distortions import types_of
from rankiqa.batch.folders import find_images
from rankiqa.cores import usable_cores
from rankiqa.image import read_rgb

ROOT = Path(__file__).resolve().parents[1]
WIDTH, HEIGHT = 512, 384
PARTS = ("distort", "write_image", "ssim_of", "psnr_of", "read_rgb")
HEADER = ("set", "images", "images per second", "cores busy", "inside libraries", *PARTS)


def main() -> None:
    args = _options()
    print(f"{args.count} scenes, {args.workers} processes on {usable_cores()} cores\n")
    print(f"| {' | '.join(HEADER)} |\n|{' --- |' * len(HEADER)}")
    for name in args.sets:
        with tempfile.TemporaryDirectory() as folder:
            refs = _cut(args.refs, Path(folder) / "refimgs", args.count)
            images, seconds, busy = _command(refs, name, args.workers)
            inside, parts = _profile(refs, name)
            shares = [f"{parts[part]:.1%}" for part in PARTS]
            said = name, f"{images}", f"{images / seconds:.1f}", f"{busy / args.workers:.0%}", f"{inside:.1%}"
            print(f"| {' | '.join((*said, *shares))} |", flush=True)


def _cut(source: Path, folder: Path, count: int) -> Path:
    folder.mkdir()
    for path in sorted(find_images(source))[:count]:
        read_rgb(path).crop((0, 0, WIDTH, HEIGHT)).save(folder / f"{path.stem}.png")
    return folder


def _command(refs: Path, types: str, workers: int) -> tuple[int, float, float]:
    """Number of images, seconds of wall time, and the mean number of cores at work."""
    tool = ROOT / "utils" / "data_generate" / "live_generator.py"
    command = [sys.executable, str(tool), "--data", str(refs), "--types", types, "-j", str(workers)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    scenes = sum(1 for _ in find_images(refs))
    return scenes * len(types_of(types)) * 5, seconds, used / seconds


def _profile(refs: Path, types: str) -> tuple[float, dict[str, float]]:
    """The share of time inside libraries, and the share of each of `PARTS` with all it calls."""
    tasks = [
        task for task in plan_tasks(in_place(refs, ".png"), types_of(types), 5, 1) if task.distortion_type
    ]
    use_one_thread()
    run_task(tasks[0])  # imports
    profiler = cProfile.Profile()
    profiler.enable()
    for task in tasks:
        run_task(task)
    profiler.disable()
    stats = pstats.Stats(profiler)
    rows = stats.stats.items()  # type: ignore[attr-defined]
    own = sum(
        row[2] for (file, _, _), row in rows if file.startswith(str(ROOT)) and "site-packages" not in file
    )
    parts = {
        part: sum(row[3] for (file, _, name), row in rows if name == part and file.startswith(str(ROOT)))
        / stats.total_tt  # type: ignore[attr-defined]
        for part in PARTS
    }
    return 1 - own / stats.total_tt, parts  # type: ignore[attr-defined]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--refs", type=Path, required=True, metavar="DIR", help="folder of pristine images")
    parser.add_argument("--count", type=int, default=12, help="images, the first by name (default: 12)")
    parser.add_argument("--sets", nargs="+", default=["live", "tid2013"], help="(default: live tid2013)")
    parser.add_argument(
        "-j", "--workers", type=int, default=usable_cores(), help="processes (default: all cores)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
