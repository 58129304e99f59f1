"""Is the processor ever kept waiting for images?

    python benchmarks/input_pipeline.py decoders --photos DIR
    python benchmarks/input_pipeline.py loader --photos DIR
    python benchmarks/input_pipeline.py steps --data DIR [-a efficientnet_lite0] [-b 60]

decoders: milliseconds to decode 12-megapixel JPEGs, made from the photos, on one core, by the libraries that
are installed, whole and reduced for a view of 224 x 224. loader: such images per second from the training
loader, against the loop that everybody writes. steps: images per second of training on DATA/train with real
files, without and with --cache, against the same steps on one batch that lies in memory. What is compared
takes turns; medians, lowest and highest.
"""

import argparse
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader

from benchmarks.measure import spread
from rankiqa.batch.folders import find_images
from rankiqa.image import read_rgb
from rankiqa.views import View

SIZE = (224, 224)
LARGE = (4000, 3000)


def main() -> None:
    args = _options()
    {"decoders": decoders, "loader": loader, "steps": steps}[args.what](args)


def decoders(args: argparse.Namespace) -> None:
    """The table of decoders, on one core."""
    import cv2
    import simplejpeg
    from torchvision.io import ImageReadMode, decode_jpeg

    torch.set_num_threads(1)
    cv2.setNumThreads(1)

    def pillow(data: bytes, reduced: bool) -> object:
        image = Image.open(io.BytesIO(data))
        if reduced:
            image.draft("RGB", (image.width // 4, image.height // 4))
        return np.asarray(image.convert("RGB"))

    def turbojpeg(data: bytes, reduced: bool) -> object:
        least = (LARGE[1] // 4, LARGE[0] // 4) if reduced else (0, 0)
        return simplejpeg.decode_jpeg(data, min_height=least[0], min_width=least[1])

    def opencv(data: bytes, reduced: bool) -> object:
        mode = cv2.IMREAD_REDUCED_COLOR_4 if reduced else cv2.IMREAD_COLOR
        return cv2.imdecode(np.frombuffer(data, np.uint8), mode)

    def torchvision(data: bytes, reduced: bool) -> object:
        return decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8), ImageReadMode.RGB)

    ways = {
        f"{name}{', at 1/4' if reduced else ''}": (decode, reduced)
        for name, decode in {"Pillow": pillow, "simplejpeg": turbojpeg, "OpenCV": opencv}.items()
        for reduced in (False, True)
    } | {"torchvision.io (has no reduced decoding)": (torchvision, False)}
    with tempfile.TemporaryDirectory() as folder:
        files = [path.read_bytes() for path in large_photos(args.photos, Path(folder), args.count)]
    times: dict[str, list[float]] = {name: [] for name in ways}
    for data in files * args.turns:
        for name, (decode, reduced) in ways.items():
            began = time.perf_counter()
            decode(data, reduced)
            times[name].append((time.perf_counter() - began) * 1000)
    print("| decoder | milliseconds per image of 12 megapixels |\n| --- | --- |")
    for name, own in times.items():
        print(f"| {name} | {spread(own)} |")


class Naive(torch.utils.data.Dataset):
    """Pillow and torchvision's transforms, an image an item."""

    def __init__(self, paths: list[Path]) -> None:
        from torchvision.transforms import CenterCrop, Compose, Resize, ToTensor

        self.paths = paths
        self.transform = Compose([Resize(SIZE[0]), CenterCrop(SIZE), ToTensor()])

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> torch.Tensor:
        return self.transform(Image.open(self.paths[number]).convert("RGB"))


def loader(args: argparse.Namespace) -> None:
    """Images a second from loaders alone."""
    from dataloader.batches import RowBatches
    from dataloader.labels import load_labels
    from dataloader.loaders import train_loader

    with tempfile.TemporaryDirectory() as folder:
        paths = large_photos(args.photos, Path(folder), args.count)
        label = Path(folder) / "label.txt"
        label.write_text("".join(f"{path},{number}\n" for number, path in enumerate(paths)))
        labels = load_labels(label, "regress")
        batches = RowBatches(labels.images, len(labels.paths), 8, 0)
        ours = train_loader(labels, View("fit", SIZE), batches, workers=args.workers)
        naive = DataLoader(
            Naive(paths), batch_size=8, num_workers=args.workers, persistent_workers=args.workers > 0
        )
        speeds: dict[str, list[float]] = {"naive": [], "ours": []}
        for turn in range(args.turns + 1):
            for name, each in (("naive", naive), ("ours", ours)):
                batches.set_position(turn)
                began = time.perf_counter()
                for _ in each:
                    pass
                if turn:  # the first one starts the workers
                    speeds[name].append(len(paths) / (time.perf_counter() - began))
    print("| loader | images per second, 12 megapixels |\n| --- | --- |")
    for name, own in speeds.items():
        print(f"| {name} | {spread(own)} |")
    print(f"\nratio {statistics.median(speeds['ours']) / statistics.median(speeds['naive']):.2f}")


def steps(args: argparse.Namespace) -> None:
    """Training with files against training on one batch in memory."""
    speeds: dict[str, list[float]] = {"one batch in memory": [], "files, --cache no": [], "files": []}
    runs = {
        "one batch in memory": training(args, [], synthetic=True),
        "files, --cache no": training(args, ["--cache", "no"]),
        "files": training(args, []),
    }
    for turn in range(args.turns + 1):
        for name, run in runs.items():
            began, images = time.perf_counter(), next(run)
            if turn:  # the first epoch allocates and fills the cache
                speeds[name].append(images / (time.perf_counter() - began))
    best = statistics.median(speeds["one batch in memory"])
    print("| training from | images per second | of one batch in memory |\n| --- | --- | --- |")
    for name, own in speeds.items():
        print(f"| {name} | {spread(own)} | {statistics.median(own) / best:.3f} |")


def training(args: argparse.Namespace, more: list[str], synthetic: bool = False) -> Iterator[int]:
    """Train an epoch at each call; gives its images."""
    from applications.setup.data import split_labels
    from applications.setup.model import new_model
    from applications.training.components import build_training
    from applications.training.loop import train_step
    from config import parse_config
    from models.normalise import place
    from rankiqa.machine import keep_freed_memory
    from rankiqa.terminal.signals import StopSignals
    from utils.distributed import Process
    from utils.run_log import RunLog

    argv = ["--train", "--data", str(args.data), "-a", args.arch, "-b", str(args.batch_size)]
    config = parse_config([*argv, "-j", str(args.workers), "-g", "0", "--view", args.view, *more])
    network, spec = new_model(config)
    keep_freed_memory()
    place(network, "cpu", config.channels_last)
    network.train()
    log = RunLog(Path(tempfile.gettempdir()), active=False)
    components = build_training(
        config, Process(), network, spec, split_labels(config, "train"), log, StopSignals()
    )
    kept = next(iter(components.loader)) if synthetic else None
    while True:
        components.batches.set_position(0)
        images = 0
        for number, batch in enumerate(
            components.loader if kept is None else [kept] * len(components.batches)
        ):
            train_step(components, batch, number, last=True)
            images += len(batch.images)
        yield images


def large_photos(photos: Path, folder: Path, count: int) -> list[Path]:
    """`count` JPEGs of 12 megapixels: photos side by side, so that their detail is that of photos."""
    tiles = [read_rgb(path) for path in list(find_images(photos))[: 24 + count]]
    paths = []
    for number in range(count):
        page, top, tile = Image.new("RGB", LARGE), 0, number
        while top < LARGE[1]:
            left, height = 0, tiles[tile % len(tiles)].height
            while left < LARGE[0]:
                page.paste(tiles[tile % len(tiles)], (left, top))
                left += tiles[tile % len(tiles)].width
                tile += 1
            top += height
        paths.append(folder / f"{number}.jpg")
        page.save(paths[-1], quality=90)
    return paths


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add: Callable[..., object] = parser.add_argument
    add("what", choices=("decoders", "loader", "steps"))
    add("--photos", type=Path, help="a folder of photos")
    add("--data", type=Path, help="a folder of the generator, with train/label.txt of pairs")
    add("-a", "--arch", default="efficientnet_lite0")
    add("-b", "--batch_size", type=int, default=60)
    add("--view", default="patches")
    add("-j", "--workers", type=int, default=2)
    add("--count", type=int, default=24, help="images of 12 megapixels")
    add("--turns", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
