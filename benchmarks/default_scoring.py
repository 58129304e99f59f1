"""The default model in its own view: whole commands for 1, 60 and 300 images, beside a hand-written loop.

    python benchmarks/default_scoring.py --photos DIR [--counts 1 60 300] [--rounds 1]

The images are those of benchmarks/scoring.py: JPEGs of 1 to 12 megapixels, tiled from DIR. All commands take
turns; the best of the rounds is printed: seconds of the whole process by the clock and of the processor,
images per second, peak of memory, how many times as fast as the loop, and the share of the bound: what
decoding alone and forwards alone, on all cores, allow one after the other. The bound takes its turn in every
round, too.

    python benchmarks/default_scoring.py --photos DIR --models OLD.onnx NEW.onnx [--counts 24] [--rounds 3]

compares models instead, each a file, or in quotes a file and flags of main.py: images per second by the size
of the images, the seconds of a whole command that scores one, the size of the file; and the ratio to the
first model in the same run.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.measure import ROOT, Candidate, Cost, numbers_beside, run

# What everybody writes: Pillow and PyTorch, one image at a time, reduced to the area that the model wants.
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
    image = Image.open(path).convert("RGB")
    scale = min(1, (height * width / (image.width * image.height)) ** 0.5)
    size = [max(32, round(side * scale / 32) * 32) for side in image.size]
    pixels = torch.from_numpy(np.array(image.resize(size, Image.Resampling.BICUBIC)))
    with torch.no_grad():
        print(float(module(pixels.permute(2, 0, 1)[None].float() / 255)[0]), path)
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


class Bound(NamedTuple):
    """Images per second of decoding alone and of forwards alone, on all cores."""

    decode: float
    forward: float

    @property
    def both(self) -> float:
        """One after the other."""
        return 1 / (1 / self.decode + 1 / self.forward)


def bound(paths: list[str]) -> Bound:
    """Measured in this process, without its start."""
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
        list(pool.map(lambda path: decode_path(path, scorer, scorer.view.needs), paths))
    decode = len(paths) / (time.perf_counter() - began)
    began = time.perf_counter()
    scorer.score_crops(crops)
    return Bound(decode, len(crops) / (time.perf_counter() - began))


def bound_beside(paths: list[str]) -> Bound:
    """`bound` in a process of its own: what it does to memory must not help the others."""
    code = (
        "import json, sys; from benchmarks.default_scoring import bound; print(*bound(json.load(sys.stdin)))"
    )
    return Bound(*numbers_beside(code, paths))


def compare_commands(paths: list[str], rounds: int) -> None:
    """Print a line for each command that scores `paths`."""
    best: dict[str, Cost] = {}
    bounds = []
    for _ in range(rounds):
        for name, command in commands().items():
            cost = run([*command, *paths])
            best[name] = min(best.get(name, cost), cost)
        bounds.append(bound_beside(paths))
    loop = next(iter(best.values())).seconds
    limit = Bound(*map(max, zip(*bounds, strict=True)))
    count = len(paths)
    for name, (seconds, memory, processor) in best.items():
        cells = f"{seconds:.2f} | {processor:.2f} | {count / seconds:.1f} | {memory:.0f}"
        print(f"| {count} | {name} | {cells} | {loop / seconds:.2f} | {count / seconds / limit.both:.2f} |")
    rates = {"decoding alone": limit.decode, "forwards alone": limit.forward, "the bound": limit.both}
    for name, rate in rates.items():
        print(f"| {count} | {name} | | | {rate:.1f} | | | |")
    sys.stdout.flush()


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
        counts = args.counts or [1, 60, 300]
        make_images(args.photos, Path(folder), max(counts))
        paths = sorted(map(str, Path(folder).iterdir()))
        columns = "images, command, seconds, of processors, images a second, MB, times the loop, of the bound"
        print(f"| {columns.replace(', ', ' | ')} |\n|" + " --- |" * 8)
        for count in counts:
            compare_commands(paths[:count], args.rounds)


if __name__ == "__main__":
    main()
