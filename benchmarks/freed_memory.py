"""Training steps on the CPU while freed memory is given back, as the C library does, and while it is kept.

    python benchmarks/freed_memory.py [--archs efficientnet_lite0 ...] [-b 23] [--rounds 3]

Each measurement is a process of its own, because the setting can't be taken back; the two take turns. Medians
over rounds of the median step, lowest and highest, and the peak of resident memory.
"""

import argparse
import subprocess
import sys
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.measure import spread

ROOT = Path(__file__).resolve().parents[1]
STEPS = """
import resource, statistics, sys, time
import torch
from models import create_model
from rankiqa.memory import keep_freed_memory
keep, arch, count = sys.argv[1] == "kept", sys.argv[2], int(sys.argv[3])
if keep:
    keep_freed_memory()
network = create_model(arch).to(memory_format=torch.channels_last).train()
images = torch.randn(count, 3, 224, 224).to(memory_format=torch.channels_last)
seconds = []
for _ in range(7):
    began = time.perf_counter()
    network.zero_grad()
    network(images).square().mean().backward()
    seconds.append(time.perf_counter() - began)
print(count / statistics.median(seconds[1:]), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--archs", nargs="+", default=["efficientnet_lite0", "mobilenet_v3_large", "resnet18"])
    add("-b", "--batch_size", type=int, default=23, help="images of 224 x 224 per step (default: 23)")
    add("--rounds", type=int, default=3)
    args = parser.parse_args()
    print("| network | freed memory | images per second | MB at the peak |\n|" + " --- |" * 4)
    for arch in args.archs:
        found: dict[str, list[tuple[float, float]]] = {"given back": [], "kept": []}
        for _ in range(args.rounds):
            for name, values in found.items():
                command = [sys.executable, "-c", STEPS, name, arch, str(args.batch_size)]
                done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
                speed, memory = map(float, done.stdout.split())
                values.append((speed, memory))
        for name, values in found.items():
            speeds, memories = zip(*values, strict=True)
            print(f"| {arch} | {name} | {spread(speeds)} | {max(memories):.0f} |", flush=True)


if __name__ == "__main__":
    main()
