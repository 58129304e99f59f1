"""Training steps on the CPU: memory format, precision, compiler, and efficientnet_b0 of different packages.

    python benchmarks/precision.py [--archs efficientnet_b0 ...] [-b 23] [--rounds 5] [--compile]

Forward, backward and an Adam step on images of 224 x 224 that lie in memory. The variants of a network take
turns, step by step; medians, lowest and highest. What `--compile` costs before its first step is told apart.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch
from torch import nn

from benchmarks.measure import spread
from models import create_model
from optim.precision import make_precision
from rankiqa.machine import keep_freed_memory

SIZE = (224, 224)
Step = Callable[[], None]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--archs", nargs="+", default=["efficientnet_b0", "mobilenet_v3_large", "resnet18"])
    add("-b", "--batch_size", type=int, default=23, help="images per step (default: 23)")
    add("--rounds", type=int, default=5)
    add("--compile", action="store_true", help="also torch.compile, which takes minutes")
    args = parser.parse_args()
    keep_freed_memory()
    print(
        "| network | training | images per second | times the first | seconds to the end of the first step |"
    )
    print("|" + " --- |" * 5)
    for arch in args.archs:
        first = 0.0
        for name, (speeds, start) in measured(arch, args.batch_size, args.rounds, args.compile).items():
            first = first or statistics.median(speeds)
            ratio = statistics.median(speeds) / first
            print(f"| {arch} | {name} | {spread(speeds)} | {ratio:.2f} | {start:.1f} |", flush=True)


def measured(arch: str, count: int, rounds: int, compiled: bool) -> dict[str, tuple[list[float], float]]:
    """Name of the variant -> (images per second of each round, seconds of the first step)."""
    steps = variants(arch, count, compiled)
    starts, speeds = {}, {name: [] for name in steps}  # type: ignore[var-annotated]
    for turn in range(rounds + 1):
        for name, step in steps.items():
            began = time.perf_counter()
            step()
            seconds = time.perf_counter() - began
            if turn:
                speeds[name].append(count / seconds)
            else:
                starts[name] = seconds
    return {name: (speeds[name], starts[name]) for name in steps}


def variants(arch: str, count: int, compiled: bool) -> dict[str, Step]:
    """Training steps to compare, by the name of precision and memory format."""
    last, usual = torch.channels_last, torch.contiguous_format
    steps = {
        "float32, channels_last": training_step(create_model(arch, 1, SIZE), count, last),
        "float32, contiguous": training_step(create_model(arch, 1, SIZE), count, usual),
        "--amp bf16, channels_last": training_step(create_model(arch, 1, SIZE), count, last, "bf16"),
    }
    if compiled:
        network = torch.compile(create_model(arch, 1, SIZE))
        steps["float32, channels_last, --compile"] = training_step(network, count, last)  # type: ignore[arg-type]
    if arch == "efficientnet_b0":
        from efficientnet_pytorch import EfficientNet
        from torchvision.models import efficientnet_b0

        package = EfficientNet.from_name("efficientnet-b0", num_classes=1)
        steps["efficientnet-pytorch as it comes, channels_last"] = training_step(package, count, last)
        steps["torchvision's, channels_last"] = training_step(efficientnet_b0(num_classes=1), count, last)
    return steps


def training_step(network: nn.Module, count: int, form: torch.memory_format, amp: str = "no") -> Step:
    """Step of training on `count` random images: forward, backward and update."""
    network.to(memory_format=form).train()
    images = torch.randn(count, 3, *SIZE).to(memory_format=form)
    optimizer = torch.optim.Adam(network.parameters(), 1e-4)
    precision = make_precision(amp, "cpu")

    def step() -> None:
        optimizer.zero_grad()
        with precision.cast():
            scores = network(images)
        scores.float().square().mean().backward()
        optimizer.step()

    return step


if __name__ == "__main__":
    main()
