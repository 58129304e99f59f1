"""What `rankiqa score` of one image costs, beside a bare import of the libraries that it stands on.

    python benchmarks/start.py [--python BIN] [--image FILE] [--rounds 9]

Whole commands, which take turns, from their start to their end: seconds by the clock and of the processor,
each as a multiple of the bare import, and the peak of memory. The second row is the shortest program that
scores, without a check of anything: no program with this model can be faster.

--python is the interpreter of an environment in which `pip install .` has put rankiqa, which is measured
then, together with the size of all that was installed; else the checkout is.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.measure import ROOT, Cost, run, spread

IMPORT = "import numpy, PIL.Image, onnxruntime"
SHORTEST = f"""
import sys
{IMPORT}
model, path = sys.argv[1:]
pixels = numpy.asarray(PIL.Image.open(path).convert("RGB"))
top, left = (side % 32 // 2 for side in pixels.shape[:2])
tall, wide = (side // 32 * 32 for side in pixels.shape[:2])
crop = pixels[top : top + tall, left : left + wide].transpose(2, 0, 1)[None]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
print(session.run(["score"], {{"images": crop.astype(numpy.float32) / 255}})[0])
"""
# Megabytes of the files of rankiqa and of all that it needs, without extras; and what it must not load.
INSTALLED = """
import re, sys
from importlib.metadata import distribution
import rankiqa
assert not {"torch", "cv2", "scipy"} & set(sys.modules)
found, todo = {}, ["rankiqa"]
while todo:
    name = re.match(r"[\\w.-]+", todo.pop())[0].lower()
    if name not in found:
        one = distribution(name)
        found[name] = sum(one.locate_file(file).stat().st_size for file in one.files)
        todo += [text for text in one.requires or () if "extra ==" not in text and "platform" not in text]
for name, size in sorted(found.items(), key=lambda item: -item[1]):
    print(f"| {name} | {size / 1e6:.1f} |")
print(f"| all | {sum(found.values()) / 1e6:.1f} |")
"""


def main() -> None:
    """Print the table of the commands, and the one of what was installed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--python", type=Path, help="interpreter of an environment with rankiqa")
    parser.add_argument("--image", type=Path, default=ROOT / "demos/images/cat.png", help="at most 512 x 512")
    parser.add_argument("--rounds", type=int, default=9, help="the median of so many is printed")
    args = parser.parse_args()
    python = str(args.python.absolute() if args.python else sys.executable)
    image, model = str(args.image.resolve()), str(ROOT / "rankiqa/default.onnx")
    commands = {
        "`import numpy, PIL.Image, onnxruntime`": [python, "-c", IMPORT],
        "shortest program that scores": [python, "-c", SHORTEST, model, image],
        "`rankiqa score`": [python, "-m", "rankiqa", "score", image],
    }
    with tempfile.TemporaryDirectory() as empty:
        folder = Path(empty) if args.python else ROOT
        costs: dict[str, list[Cost]] = {name: [] for name in commands}
        for _ in range(args.rounds):
            for name, command in commands.items():
                costs[name].append(run(command, folder))
        print_costs(costs)
        if args.python:
            print("\n| installed | MB |\n| --- | --- |", flush=True)
            subprocess.run([python, "-c", INSTALLED], cwd=folder, check=True)


def print_costs(costs: dict[str, list[Cost]]) -> None:
    """A line for each command; the first is what the others are compared with."""
    print("| | seconds | times | processor seconds | times | MB |\n|" + " --- |" * 6)
    bare = next(iter(costs.values()))
    for name, own in costs.items():
        cells = [name]
        for column in ("seconds", "processor"):
            values, first = ([getattr(cost, column) for cost in group] for group in (own, bare))
            cells += [spread(values, 2), f"{statistics.median(values) / statistics.median(first):.2f}"]
        print(f"| {' | '.join(cells)} | {max(cost.memory for cost in own):.0f} |")


if __name__ == "__main__":
    main()
