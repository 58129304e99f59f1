"""Training by pairs: each image of a step once, against two branches a pair.

    python benchmarks/pair_training.py --data DIR [--archs efficientnet_b0 ...] [-b 60] [--steps 3]
    python benchmarks/pair_training.py --data DIR --epochs 3 [--archs efficientnet_b0] [-j 8]
    python benchmarks/pair_training.py --data DIR --archs mobilenet_v3_small --accuracy 4 [--target 0.9 0.95]

Rows a second of whole training steps (decode, forward, backward, update) on DATA/train, from label files of
the generator (chains of six: 15 pairs over 6 images, 5 times the forwards in two branches). The two take
turns, step by step; medians, lowest and highest. `--epochs N` trains whole epochs instead, the first of which
decodes while later ones find the images in the cache, and before each takes --steps steps of two branches,
which decode both images of every row, as the first program did: rows per second of each epoch, and of all
against the two branches. `--accuracy EPOCHS` trains both by main.py and gives the
seconds of training, validation included, until the validation pair accuracy first reaches the target.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.measure import spread

ROOT = Path(__file__).resolve().parents[1]
PAIRINGS = ("siamese", "dedup")
HEADER = (
    "network",
    "rows per step",
    "images per step",
    "rows per second, two branches",
    "each once",
    "ratio",
)


def main() -> None:
    args = _options()
    if args.accuracy:
        time_to_accuracy(args)
        return
    if args.epochs:
        whole_epochs(args)
        return
    print(f"| {' | '.join(HEADER)} |\n|{' --- |' * len(HEADER)}")
    for arch in args.archs:
        speeds: dict[str, list[float]] = {name: [] for name in PAIRINGS}
        images: dict[str, int] = {}
        steps = {name: training_steps(arch, name, args) for name in PAIRINGS}
        for turn in range(args.steps + 1):
            for name, step in steps.items():
                start = time.perf_counter()
                rows, images[name] = next(step)
                if turn:  # the first one allocates
                    speeds[name].append(rows / (time.perf_counter() - start))
        ratio = statistics.median(speeds["dedup"]) / statistics.median(speeds["siamese"])
        counts = f"{images['siamese']} and {images['dedup']}"
        said = arch, str(args.batch_size), counts, *[spread(speeds[name], 2) for name in PAIRINGS]
        print(f"| {' | '.join(said)} | {ratio:.2f} |", flush=True)


def whole_epochs(args: argparse.Namespace) -> None:
    """A line for each epoch, and one for all of them."""
    print("| network | epoch | rows | rows per second, two branches | each once | ratio |\n|" + " --- |" * 6)
    for arch in args.archs:
        branches = training_steps(arch, "siamese", args)
        next(branches)  # allocates
        components = training_components(arch, "dedup", args)
        totals = [0.0] * 4  # rows and seconds of each
        for epoch in range(args.epochs):
            began, rows = time.perf_counter(), 0
            for _ in range(args.steps):
                rows += next(branches)[0]
            slow = rows, time.perf_counter() - began
            began, rows = time.perf_counter(), 0
            for count, _ in epoch_steps(components, epoch):
                rows += count
            quick = rows, time.perf_counter() - began
            totals = [old + new for old, new in zip(totals, (*slow, *quick), strict=True)]
            print_epoch(arch, str(epoch + 1), (*slow, *quick))
        print_epoch(arch, "all", totals)


def print_epoch(arch: str, name: str, numbers: Sequence[float]) -> None:
    """`numbers`: rows and seconds of two branches, rows and seconds of each image once."""
    slow, quick = numbers[0] / numbers[1], numbers[2] / numbers[3]
    cells = f"{numbers[2]:.0f} | {slow:.2f} | {quick:.2f} | {quick / slow:.2f}"
    print(f"| {arch} | {name} | {cells} |", flush=True)


def training_steps(arch: str, pairing: str, args: argparse.Namespace) -> Iterator[tuple[int, int]]:
    """Train for ever; gives the rows and the images of each step of --batch_size rows."""
    components = training_components(arch, pairing, args)
    for _ in cycle([0]):
        for rows, images in epoch_steps(components, 0):
            if rows == args.batch_size:
                yield rows, images


def epoch_steps(components: Any, epoch: int) -> Iterator[tuple[int, int]]:
    """Train for one epoch; gives the rows and the images of each step."""
    from applications.training.loop import train_step

    components.batches.set_position(epoch)
    for number, batch in enumerate(components.loader):
        train_step(components, batch, number, last=True)
        yield len(batch.pair_index), len(batch.images)


def training_components(arch: str, pairing: str, args: argparse.Namespace) -> Any:
    """Components of a run on the CPU; both images of every row are decoded anew each time."""
    from applications.setup.data import split_labels
    from applications.setup.model import new_model
    from applications.training.components import build_training
    from config import parse_config
    from models.normalise import place
    from rankiqa.machine import keep_freed_memory
    from rankiqa.terminal.signals import StopSignals
    from utils.distributed import Process
    from utils.run_log import RunLog

    argv = ["--train", "--data", str(args.data), "-a", arch, "-b", str(args.batch_size), "--pairing", pairing]
    argv += ["--cache", "no"] if pairing == "siamese" and args.epochs else []
    config = parse_config(
        [*argv, "--image_size", *map(str, args.image_size), "-j", str(args.workers), "-g", "0"]
    )
    network, spec = new_model(config)
    keep_freed_memory()
    place(network, "cpu", config.channels_last)
    network.train()
    log = RunLog(Path(tempfile.gettempdir()), active=False)
    return build_training(config, Process(), network, spec, split_labels(config, "train"), log, StopSignals())


def time_to_accuracy(args: argparse.Namespace) -> None:
    """Print seconds per epoch and until validation reaches each target, by network and pairing."""
    targets = [f"{target:.3f}" for target in args.target]
    header = (
        "network",
        "pairing",
        "seconds per epoch",
        *(f"seconds to {target}" for target in targets),
        "best",
    )
    print(f"| {' | '.join(header)} |\n|{' --- |' * len(header)}")
    for arch in args.archs:
        reached = {}
        for pairing in PAIRINGS:
            lines = trained(arch, pairing, args)
            reached[pairing] = [seconds_to(target, lines) for target in args.target]
            cells = [f"{seconds:.0f}" if seconds else "not reached" for seconds in reached[pairing]]
            each = f"{statistics.median(line['seconds'] for line in lines):.0f}"
            best = max(line["pair_accuracy"] for line in lines)
            print(f"| {arch} | {pairing} | {each} | {' | '.join(cells)} | {best:.4f} |", flush=True)
        pairs = zip(*reached.values(), strict=True)
        sooner = [f"{one / two:.2f}" if one and two else "" for one, two in pairs]
        print(f"| {arch} | times sooner | | {' | '.join(sooner)} | |", flush=True)


def seconds_to(target: float, lines: list[dict[str, float]]) -> float | None:
    """Training and validation until the end of the first epoch that is that good; None: none is."""
    total = 0.0
    for line in lines:
        total += line["seconds"]
        if line["pair_accuracy"] >= target:
            return total
    return None


def trained(arch: str, pairing: str, args: argparse.Namespace) -> list[dict[str, float]]:
    """One record per epoch of a training, as metrics.jsonl holds them."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "main.py"), "--train", "--data", str(args.data), "-a", arch]
        command += ["--pretrained"] if args.pretrained else []
        command += [
            "--pairing",
            pairing,
            "-b",
            str(args.batch_size),
            "--epochs",
            str(args.accuracy),
            "-g",
            "0",
        ]
        command += ["--image_size", *map(str, args.image_size), "--warmup", "0", "--lr", "3e-4"]
        command += [
            "--view",
            args.view,
            "--schedule",
            "constant" if args.constant else "cosine",
            "-j",
            str(args.workers),
        ]
        command += ["--checkpoint_dir", folder, "--logdir", folder]
        subprocess.run(command, check=True, capture_output=True)
        [path] = Path(folder).glob("*/metrics.jsonl")
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="with train/ (and val/) from the generator")
    add("--archs", nargs="+", default=["efficientnet_b0", "mobilenet_v3_large", "resnet18"], metavar="ARCH")
    add("-b", "--batch_size", type=int, default=60, help="rows per step (default: 60)")
    add("--image_size", type=int, nargs=2, default=(224, 224), metavar=("H", "W"), help="(default: 224 224)")
    add("--steps", type=int, default=3, help="measured steps of each (default: 3)")
    add("-j", "--workers", type=int, default=0, help="decoding processes (default: 0)")
    add("--epochs", type=int, default=0, metavar="N", help="train whole epochs, not a few steps of each")
    add("--accuracy", type=int, default=0, metavar="EPOCHS", help="train by main.py, too, for so many epochs")
    add(
        "--target",
        type=float,
        nargs="+",
        default=[0.9, 0.95, 0.98],
        help="pair accuracies (default: 0.9 0.95 0.98)",
    )
    add("--pretrained", action="store_true", help="with --accuracy: start from ImageNet weights")
    add("--view", choices=("fit", "patches"), default="fit", help="with --accuracy (default: fit)")
    add("--constant", action="store_true", help="with --accuracy: a constant learning rate")
    return parser.parse_args()


if __name__ == "__main__":
    main()
