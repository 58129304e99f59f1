"""The default model in its own view: whole commands for 1, 60 and 300 images, beside a hand-written loop.

    python benchmarks/default_scoring.py --photos DIR [--counts 1 60 300] [--rounds 1]

The images are those of benchmarks/scoring.py: JPEGs of 1 to 12 megapixels, tiled from DIR. All commands take
turns; the best of the rounds is printed: seconds of the whole process, its images per second, its peak
memory, and how many times as fast as the loop it is. Decoding alone and forwards alone, on all cores, give
the bound.

    python benchmarks/default_scoring.py --photos DIR --models OLD.onnx NEW.onnx [--counts 24] [--rounds 3]

compares models instead, each a file, or in quotes a file and flags of main.py: images per second by the size
of the images, the seconds of a whole command that scores one, the size of the file; and the ratio to the
first model in the same run.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.measure import ROOT, Candidate

# What everybody writes: Pillow and PyTorch, one image at a time, its five crops as one batch.
LOOP = """
import sys
sys.path.insert(0, {root!r})
import numpy as np, torch
from PIL import Image
from deploy.formats.half import open_file
from pathlib import Path
module, spec = open_file(Path({root!r}) / "pretrained/default.pth")
height, width = spec.image_size
for path in sys.argv[1:]:
    pixels = np.asarray(Image.open(path).convert("RGB"))
    down, right = pixels.shape[0] - height, pixels.shape[1] - width
    corners = [(0, 0), (0, right), (down // 2, right // 2), (down, 0), (down, right)]
    crops = np.stack([pixels[top : top + height, left : left + width] for top, left in corners])
    with torch.no_grad():
        print(float(module(torch.from_numpy(crops.transpose(0, 3, 1, 2)).float() / 255)[0].mean()), path)
"""


def commands() -> dict[str, list[str]]:
    """The command of each row, to which the paths are added."""
    python, predict = sys.executable, [sys.executable, str(ROOT / "main.py"), "--no-cuda", "--predict"]
    named = {
        "hand-written loop, PyTorch": [python, "-c", LOOP.format(root=str(ROOT))],
        "rankiqa score": [python, "-m", "rankiqa", "score"],
        "main.py --predict": predict,
    }
    engines = ("torch", "openvino")
    named |= {
        f"main.py --predict --engine {name}": [*predict[:2], "--engine", name, *predict[2:]]
        for name in engines
    }
    return named


def run(command: list[str]) -> tuple[float, float]:
    """(seconds, MB of peak memory) of a command, by a small process: a child starts at its peak."""
    starter = (
        "import json, os, subprocess, sys, time; began = time.perf_counter(); "
        "process = subprocess.Popen(json.load(sys.stdin), stdout=subprocess.DEVNULL); "
        "_, status, usage = os.wait4(process.pid, 0); "
        "print(time.perf_counter() - began, usage.ru_maxrss / 1024); sys.exit(status != 0)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", starter],
        input=json.dumps(command),
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        check=True,
    )
    seconds, memory = map(float, done.stdout.split())
    return seconds, memory


def bound(paths: list[Path]) -> tuple[float, float, float]:
    """Images per second: decoding alone, forwards alone, and both one after the other, on all cores."""
    import numpy as np
    from PIL import Image

    import rankiqa
    from rankiqa.batch.pipeline import decode_path
    from rankiqa.machine import usable_cores

    scorer = rankiqa.load()
    shape = scorer.view.evaluate(Image.new("RGB", (4000, 3000))).shape
    crops = np.random.default_rng(0).integers(0, 256, (60, *shape), np.uint8)
    scorer.score_crops(crops[:8])
    began = time.perf_counter()
    with ThreadPoolExecutor(usable_cores()) as pool:
        list(pool.map(lambda path: decode_path(str(path), scorer, None), paths))
    decode = len(paths) / (time.perf_counter() - began)
    began = time.perf_counter()
    scorer.score_crops(crops)
    forward = len(crops) / (time.perf_counter() - began)
    return decode, forward, 1 / (1 / decode + 1 / forward)


def model_rates(models: list[Candidate], paths: list[Path], rounds: int) -> list[float]:
    """Images per second of each model, the best of the rounds; they take turns."""
    from benchmarks.scoring import by_predict, rates_of
    from rankiqa.machine import usable_cores

    works: dict[str, tuple[Callable[[], None], int]] = {}
    for number, model in enumerate(models):
        scorer, _ = model.open(len(paths))
        by_predict(paths[:2], scorer, usable_cores())  # warms up
        works[str(number)] = (partial(by_predict, paths, scorer, usable_cores()), len(paths))
    return list(rates_of(works, rounds).values())


def compare(models: list[Candidate], photos: Path, megapixels: list[float], count: int, rounds: int) -> None:
    """Print the table of the models: a line a size of images, then start-up and file."""
    from benchmarks.scoring import make_images

    print(f"| | {' | '.join(model.words for model in models)} |\n| --- |" + " --- |" * len(models))
    with tempfile.TemporaryDirectory() as name:
        for size in megapixels:
            folder = Path(name) / f"{size:g}"
            folder.mkdir()
            make_images(photos, folder, count, (size,))
            rates = model_rates(models, sorted(folder.iterdir()), rounds)
            print(_ratios(f"images per second, {size:g} megapixels", rates, 1), flush=True)
        one = str(next((Path(name) / f"{megapixels[0]:g}").iterdir()))
        seconds = [float("inf")] * len(models)
        for _ in range(max(3, rounds)):
            for number, model in enumerate(models):
                seconds[number] = min(seconds[number], run([*model.command(), one])[0])
    print(_ratios("seconds of a command that scores one image", seconds, 2))
    print(_ratios("MB of the file", [model.file.stat().st_size / 1e6 for model in models], 2))


def _ratios(title: str, values: list[float], digits: int) -> str:
    """A row of the table: each value, and the later ones as multiples of the first."""
    cells = [f"{values[0]:.{digits}f}"]
    cells += [f"{value:.{digits}f} ({value / values[0]:.2f} x)" for value in values[1:]]
    return f"| {title} | {' | '.join(cells)} |"


def main() -> None:
    """Print a table for each count, or one of the models."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--photos", type=Path, required=True, help="what the images are tiled from")
    parser.add_argument("--counts", type=int, nargs="+", help="numbers of images (1 60 300; --models: 24)")
    parser.add_argument("--rounds", type=int, default=1, help="the best of so many is printed")
    parser.add_argument("--models", "--model", nargs="+", type=Candidate, metavar="MODEL", help="to compare")
    parser.add_argument("--megapixels", type=float, nargs="+", default=[1, 3, 6, 12], help="with --models")
    args = parser.parse_args()
    if args.models:
        compare(args.models, args.photos, args.megapixels, (args.counts or [24])[-1], args.rounds)
        return
    from benchmarks.scoring import make_images

    with tempfile.TemporaryDirectory() as folder:
        make_images(args.photos, Path(folder))
        paths = sorted(Path(folder).iterdir())
        decode, forward, both = bound(paths[:60])
        print(f"decode alone {decode:.1f}, forward alone {forward:.1f}, bound {both:.1f} images per second")
        print("| images | command | seconds | images per second | MB | times the loop |\n|" + " --- |" * 6)
        for count in args.counts or (1, 60, 300):
            chosen = list(map(str, paths[:count]))
            best: dict[str, tuple[float, float]] = {}
            for _ in range(args.rounds):
                for name, command in commands().items():
                    best[name] = min(best.get(name, (float("inf"), 0.0)), run([*command, *chosen]))
            loop = next(iter(best.values()))[0]
            for name, (seconds, memory) in best.items():
                cells = f"{seconds:.2f} | {count / seconds:.1f} | {memory:.0f} | {loop / seconds:.2f}"
                print(f"| {count} | {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
