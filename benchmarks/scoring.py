"""Images a second of --predict, beside what people write themselves and the limits of the machine.

python benchmarks/scoring.py --resume MODEL.pth [--photos FOLDER] [--int8 MODEL_int8.xml]

The images: 300 JPEGs of 1 to 12 megapixels, tiled from the photographs of --photos at their own resolution,
so that the detail in them is real; a folder of photographs that large can be named by --images instead.
"""

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402

from deploy.engines import Scorer, load_scorer  # noqa: E402
from deploy.formats.half import open_file as open_checkpoint  # noqa: E402
from models.normalise import to_unit  # noqa: E402
from rankiqa.batch.folders import find_images  # noqa: E402
from rankiqa.batch.inputs import collect  # noqa: E402
from rankiqa.batch.pipeline import decode_path, score_paths  # noqa: E402
from rankiqa.image import read_rgb  # noqa: E402
from rankiqa.machine import usable_cores  # noqa: E402
from rankiqa.spec import ModelSpec  # noqa: E402
from rankiqa.views import View  # noqa: E402

COUNT = 300
MEGAPIXELS = (1, 2, 3, 5, 8, 12)


def make_images(
    photos: Path, folder: Path, count: int = COUNT, megapixels: Sequence[float] = MEGAPIXELS
) -> None:
    """JPEGs of `megapixels` in turn, landscape and upright, quality 85 to 95, tiled from `photos`."""
    rng = np.random.default_rng(0)
    images = [*map(read_rgb, find_images(photos))]
    step = min(450, max(min(image.size) for image in images))
    tiles = [image for image in images if min(image.size) >= step]
    for number in range(count):
        pixels = megapixels[number % len(megapixels)] * 1e6
        long, short = int((pixels * 4 / 3) ** 0.5), int((pixels * 3 / 4) ** 0.5)
        size = (long, short) if number % 3 else (short, long)
        sheet = Image.new("RGB", size)
        for top in range(0, size[1], step):
            for left in range(0, size[0], step):
                sheet.paste(tiles[rng.integers(len(tiles))], (left, top))
        sheet.save(folder / f"{number:03}.jpg", quality=int(rng.integers(85, 96)))


def naive(paths: list[Path], model: Path) -> None:
    """What everybody writes: Pillow, resize, batch 1, eager."""
    module, spec = opened(model)
    size = spec.image_size
    with torch.no_grad():
        for path in paths:
            image = Image.open(path).convert("RGB").resize(size[::-1], Image.Resampling.BICUBIC)
            tensor = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
            module(tensor[None])


@lru_cache
def opened(model: Path) -> tuple[torch.nn.Module, ModelSpec]:
    """Network in evaluation mode and ModelSpec of a checkpoint."""
    return open_checkpoint(model)


class Images(torch.utils.data.Dataset):
    """For the DataLoader."""

    def __init__(self, paths: list[Path], view: View) -> None:
        self.paths, self.view = paths, view

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> torch.Tensor:
        """uint8 (P, 3, H, W)."""
        return torch.from_numpy(self.view.evaluate(read_rgb(self.paths[number])))


def by_loader(paths: list[Path], model: Path, workers: int) -> None:
    """Score by a DataLoader with batches of 32 images, or of one where images have sizes of their own."""
    module, spec = opened(model)
    view = spec.make_view()
    size = 32 if view.has_one_size else 1
    loader = torch.utils.data.DataLoader(Images(paths, view), batch_size=size, num_workers=workers)
    with torch.inference_mode():
        for batch in loader:
            module(to_unit(batch.flatten(0, 1)))


def by_predict(paths: list[Path], scorer: Scorer, cores: int) -> None:
    """Score as `main.py --predict` does."""
    queue = collect(map(str, paths))
    for _ in score_paths(queue, scorer, cores):
        pass


def decode_alone(paths: list[Path], scorer: Scorer, cores: int) -> None:
    """Decode on all cores, and score nothing."""
    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(lambda path: decode_path(str(path), scorer, scorer.view.needs), paths))


def forward_alone(count: int, scorer: Scorer) -> None:
    """Score `count` crops of noise, and decode nothing."""
    patches = scorer.spec.patches if scorer.spec.view == "patches" else 1
    shape = (scorer.chunk, patches, 3, *scorer.spec.image_size)
    crops = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    with ThreadPoolExecutor(scorer.engine.streams) as pool:
        list(pool.map(lambda _: scorer.score_crops(crops), range(count // scorer.chunk)))


def rates_of(works: dict[str, tuple[Callable[[], None], int]], rounds: int) -> dict[str, float]:
    """Images a second of each work and its count, the best of `rounds`; all take turns in every round."""
    best = dict.fromkeys(works, float("inf"))
    for _ in range(rounds):
        for name, (work, _) in works.items():
            began = time.perf_counter()
            work()
            best[name] = min(best[name], time.perf_counter() - began)
    return {name: count / best[name] for name, (_, count) in works.items()}


def measure(model: Path, paths: list[Path], rounds: int, int8: Path | None) -> None:
    """Print images per second of each way to score, in `rounds` rounds."""
    cores = usable_cores()
    spec = opened(model)[1]
    fast = load_scorer(model, threads=cores, engine="auto")
    forward_alone(64, fast)  # warms up
    few = paths[:: max(1, len(paths) // 60)]
    every = len(paths)
    # In a process of its own: what --predict asks of the C library must not help, nor hinder, the others.
    others = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
    others.submit(naive, few[:4], model).result()
    works: dict[str, tuple[Callable[[], None], int]] = {
        "(a) naive loop": (lambda: others.submit(naive, few, model).result(), len(few)),
        "(b) DataLoader, batches of 32": (
            lambda: others.submit(by_loader, paths, model, cores).result(),
            every,
        ),
        f"--predict, {fast.engine.name}": (lambda: by_predict(paths, fast, cores), every),
        "decode alone": (lambda: decode_alone(paths, fast, cores), every),
        "forward alone": (lambda: forward_alone(every, fast), every),
    }
    if int8:
        quick = load_scorer(int8, threads=cores)
        forward_alone(64, quick)
        works["--predict, INT8"] = (lambda: by_predict(paths, quick, cores), every)
        works["forward alone, INT8"] = (lambda: forward_alone(every, quick), every)
    rates = rates_of(works, rounds)
    others.shutdown()
    loop, loader, ours, decode, forward = list(rates.values())[:5]
    bound = 1 / (1 / decode + 1 / forward)
    print(f"{spec.arch}, {spec.view}, {len(paths)} images, {cores} cores; images per second:")
    for name, value in rates.items():
        print(f"  {name:<32} {value:8.1f}")
    print(f"  {'bound 1/(1/decode + 1/forward)':<32} {bound:8.1f}")
    print(
        f"  --predict is {ours / loop:.1f} x (a), {ours / loader:.1f} x (b), {ours / bound:.2f} of the bound"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--resume", type=Path, nargs="+", required=True, help="checkpoints")
    parser.add_argument("--int8", type=Path, help="of the first checkpoint, converted")
    parser.add_argument("--photos", type=Path, help="what the images are tiled from")
    parser.add_argument("--images", type=Path, help="images that are there already")
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many is printed")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.images is None:
            make_images(arguments.photos, Path(folder))
        paths = list(find_images(arguments.images or folder))[:COUNT]
        for turn, model in enumerate(arguments.resume):
            measure(model, paths, arguments.rounds, arguments.int8 if turn == 0 else None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
