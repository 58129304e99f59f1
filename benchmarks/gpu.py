"""Training and scoring on a GPU: steps, readings, --predict, whole commands and where their time goes.

    python benchmarks/gpu.py [--only memory reads predict whole phases] [--arch efficientnet_b0]
        [--batches 96 384] [--chunks 4 64 256] [--images 960] [--side 512] [--size 224] [--steps 30]
        [--epochs 4] [--device cuda] [--folder DIR]

Sections, each in its own words and in about half a minute on an H100:
    memory   images per second of whole steps (forward, backward, update) over one batch in memory, for every
             number of --batches in float32 and bf16: as it is, with the loss read after every step as it was
             once, and with cudnn.benchmark
    reads    what waits for the GPU between two log lines of an epoch (0), and in all
    predict  by --chunks: crops per second of the forward alone, images per second of --predict; decoding
    whole    wall time of `main.py --predict`, and of `main.py --train` over --epochs from files
    phases   what a training command does with its time, from its first import to its end

The images are made: PNGs for training, JPEGs for scoring. `--device cpu` tries the script without a GPU.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
from PIL import Image

from rankiqa.terminal.entry import program_parser

ROOT = Path(__file__).resolve().parents[1]
SECTIONS = ("memory", "reads", "predict", "whole", "phases")


def main() -> None:
    args = _options()
    with tempfile.TemporaryDirectory() as made:
        args.folder = Path(args.folder or made).resolve()
        args.folder.mkdir(parents=True, exist_ok=True)
        os.chdir(args.folder)
        began = time.perf_counter()
        make_data(args)
        print(f"{args.images} images of {args.side} x {args.side}: {_seconds_since(began)}", flush=True)
        for name in args.only:
            print(f"\n== {name}", flush=True)
            began = time.perf_counter()
            globals()[name](args)
            print(f"   ({_seconds_since(began)})", flush=True)


def _seconds_since(began: float) -> str:
    return f"{time.perf_counter() - began:.1f} s"


def make_data(args: argparse.Namespace) -> None:
    """data/{train,val}/label.txt of PNGs with made-up MOS, and photos/ of JPEGs."""
    for folder in ("data/train", "data/val", "photos"):
        Path(folder).mkdir(parents=True, exist_ok=True)
    texture = np.random.default_rng(0).normal(0, 12, (2 * args.side, 2 * args.side, 3))

    def make(number: int) -> None:
        rng = np.random.default_rng(number)
        coarse = Image.fromarray(rng.integers(0, 256, (9, 9, 3), np.uint8))
        smooth = np.asarray(coarse.resize((args.side, args.side), Image.Resampling.BICUBIC), np.float64)
        top, left = rng.integers(0, args.side, 2)
        pixels = smooth + texture[top : top + args.side, left : left + args.side]
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        split = "val" if number % 6 == 5 else "train"
        image.save(f"data/{split}/{number:05}.png", compress_level=1)
        image.save(f"photos/{number:05}.jpg", quality=90)

    if not any(Path("photos").iterdir()):
        with ThreadPoolExecutor() as pool:
            list(pool.map(make, range(args.images)))
    for split in ("train", "val"):
        names = sorted(Path(f"data/{split}").glob("*.png"))
        rows = "".join(f"{name},{1 + 4 * number / len(names):.3f}\n" for number, name in enumerate(names))
        Path(f"data/{split}/label.txt").write_text(rows, encoding="utf-8")


def _flags(args: argparse.Namespace, batch: int, *more: str) -> list[str]:
    size = str(args.size)
    argv = ["--train", "-a", args.arch, "--criterion", "regress", "--image_size", size, size]
    device = ["--no-cuda"] if args.device == "cpu" else []
    return [*argv, "-b", str(batch), "--warmup", "0", *device, *more]


@contextmanager
def parts_of(argv: list[str], device: str) -> Iterator[Any]:
    """Components of a training run, ready for its first step."""
    from applications.setup.data import split_labels
    from applications.setup.model import new_model
    from applications.training.components import build_training
    from config import parse_config
    from models.normalise import place
    from rankiqa.terminal.signals import StopSignals
    from utils.distributed import Process
    from utils.run_log import RunLog

    config = parse_config(argv)
    network, spec = new_model(config)
    place(network, device, config.channels_last)
    network.train()
    log = RunLog(Path(), active=False)
    labels = split_labels(config, "train")
    yield build_training(config, Process(device=device), network, spec, labels, log, StopSignals())


def memory(args: argparse.Namespace) -> None:
    """Print images per second of training steps whose batch is in memory already."""
    import torch

    print("images per step, precision: images per second as it is | loss read each step | cudnn.benchmark")
    for count in args.batches:
        for amp in ("no", "bf16"):
            with parts_of(_flags(args, min(count, args.images), "--amp", amp, "-j0"), args.device) as parts:
                batch = repeated(next(iter(parts.loader)), count)
                speeds = [speed(parts, batch, args, read=read) for read in (False, True)]
                torch.backends.cudnn.benchmark = True
                speeds.append(speed(parts, batch, args, read=False))
                torch.backends.cudnn.benchmark = False
            print(f"{count:6} {amp:>5}: {' | '.join(f'{one:8.1f}' for one in speeds)}", flush=True)


def repeated(batch: Any, count: int) -> Any:
    """`batch` with `count` images and rows, page-locked where there is a GPU."""
    import torch

    place = torch.arange(count) % len(batch.images)
    values = {
        "images": batch.images[place],
        "pair_index": torch.arange(count)[:, None],
        "targets": batch.targets[place % len(batch.targets)],
        "numbers": batch.numbers[place],
    }
    if torch.cuda.is_available():
        values = {name: value.pin_memory() for name, value in values.items()}
    return batch._replace(**values)


def speed(parts: Any, batch: Any, args: argparse.Namespace, read: bool) -> float:
    """Images a second of whole steps; the first ones, which choose kernels, are left out."""
    from applications.training.loop import train_step

    for number in range(3):
        loss = train_step(parts, batch, number, last=True)
    float(loss)  # waits for the GPU
    began = time.perf_counter()
    for number in range(args.steps):
        loss = train_step(parts, batch, number, last=True)
        if read:
            float(loss)
    float(next(parts.network.parameters()).detach().sum())
    return args.steps * len(batch.images) / (time.perf_counter() - began)


def reads(args: argparse.Namespace) -> None:
    """Print the device reads of a training that torch warns of, between two log lines."""
    import torch

    from applications.training.loop import train_epoch
    from applications.training.state import TrainState
    from applications.training.step_losses import StepLosses

    between: list[str] = []
    own = StepLosses.read

    def reading(*given: Any) -> Any:
        between[:] += [str(one.message) for one in caught]
        result = own(*given)
        caught.clear()
        return result

    StepLosses.read = reading  # type: ignore[method-assign, assignment]
    argv = _flags(args, max(2, args.images // 16), "--print_freq", "5", "-j", "2", "--ema", "0.99")
    with (
        parts_of([*argv, "--clip_grad", "1"], args.device) as parts,
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        if args.device != "cpu":
            torch.cuda.set_sync_debug_mode("warn")
        caught.clear()  # of torch's own notice on this mode
        state = TrainState()
        train_epoch(parts, state, save=lambda: None)
        if args.device != "cpu":
            torch.cuda.set_sync_debug_mode("default")
    StepLosses.read = own  # type: ignore[method-assign]
    waits = [text for text in between if "synchroniz" in text]
    print(
        f"{state.step} steps, a log line every 5: {len(waits)} waits between two log lines {set(waits) or ''}"
    )


def checkpoint(args: argparse.Namespace) -> Path:
    """An untrained model of --arch."""
    from config import parse_config

    path = Path("untrained.pth")
    if not path.is_file():
        from applications.setup.model import new_model
        from utils.checkpoint import save_checkpoint

        network, spec = new_model(parse_config(_flags(args, 1)))
        save_checkpoint(path, {"state_dict": network.state_dict(), "spec": spec.to_dict()})
    return path


def predict(args: argparse.Namespace) -> None:
    """Print images per second of scoring: decoding alone, forward passes by chunk, and both."""
    from deploy.engines import Scorer, load_scorer
    from rankiqa.batch.inputs import collect
    from rankiqa.batch.pipeline import decode_path, score_paths
    from rankiqa.machine import usable_cores

    cores = usable_cores()
    loaded = load_scorer(checkpoint(args), args.device, threads=cores, engine="torch")
    paths = sorted(map(str, Path("photos").glob("*.jpg")))
    shape = max(args.chunks), 1, 3, args.size, args.size
    crops = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    fit = loaded.view.needs
    with ThreadPoolExecutor(cores) as pool:
        alone = _rate(lambda: list(pool.map(lambda path: decode_path(path, loaded, fit), paths)), len(paths))
    print(f"decoding alone, {cores} threads: {alone:.0f} images per second")
    print(f"{'crops a forward':>15}   forward alone, crops per second | --predict, images per second")
    for chunk in args.chunks:
        scorer = Scorer(loaded.engine, loaded.spec, chunk)
        scorer.score_crops(crops[:chunk])
        forward = _rate(lambda: scorer.score_crops(crops), len(crops))  # noqa: B023  # called at once
        whole = _rate(lambda: list(score_paths(collect(["photos"]), scorer, cores)), len(paths))  # noqa: B023
        print(f"{chunk:>15}   {forward:8.0f} | {whole:8.0f}", flush=True)


def _rate(work: Callable[[], object], count: int) -> float:
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


def _command(argv: list[str]) -> float:
    program = [sys.executable, str(ROOT / "main.py"), *argv]
    return 1 / _rate(lambda: subprocess.run(program, check=True, capture_output=True), 1)


def whole(args: argparse.Namespace) -> None:
    """Print seconds of whole commands: scoring and training."""
    import json

    device = ["--no-cuda"] if args.device == "cpu" else []
    score = ["--predict", "photos", "--resume", str(checkpoint(args)), "--engine", "torch", *device]
    for turn in (1, 2):
        said = f"main.py --predict, {args.images} images, run {turn}"
        print(f"{said}: {_command([*score, '--output', 'a.csv']):.1f} s")
    for amp in ("no", "bf16"):
        name = f"whole_{amp}_{time.time_ns()}"
        argv = _flags(args, args.batches[0], "--amp", amp, "--epochs", str(args.epochs), "--logdir", name)
        seconds = _command([*argv, "--checkpoint_dir", name])
        [file] = Path(name).glob("*/metrics.jsonl")
        lines = map(json.loads, file.read_text(encoding="utf-8").splitlines())
        each = ", ".join(f"{line['seconds']:.1f}" for line in lines)
        said = f"{args.epochs} epochs: {seconds:.1f} s, its epochs {each} s"
        print(f"main.py --train --amp {amp}, {said}", flush=True)


def phases(args: argparse.Namespace) -> None:
    """Print how the seconds of a training split into phases."""
    probe = [sys.executable, str(ROOT / "benchmarks" / "phases.py")]
    probe += _flags(args, args.batches[0], "--epochs", str(args.epochs), "--logdir", "phases")
    done = subprocess.run(probe, check=True, capture_output=True, text=True)
    print(done.stdout[done.stdout.index("phase ") :].rstrip())


def _options() -> argparse.Namespace:
    parser = program_parser(__doc__)
    add = parser.add_argument
    add("--only", nargs="+", choices=SECTIONS, default=SECTIONS)
    add("--arch", default="efficientnet_b0")
    add("--batches", type=int, nargs="+", default=[96, 384], help="images per step")
    add("--chunks", type=int, nargs="+", default=[4, 64, 256], help="crops a forward of --predict")
    add("--images", type=int, default=960, help="a sixth of them to validate on (default: 960)")
    add("--side", type=int, default=512, help="of the images, in pixels (default: 512)")
    add("--size", type=int, default=224, help="of the network's input (default: 224)")
    add("--steps", type=int, default=30, help="that are timed together (default: 30)")
    add("--epochs", type=int, default=4)
    add("--device", choices=("cuda", "cpu"), default="cuda")
    add("--folder", help="keep the data there and use it again (default: a temporary folder)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
