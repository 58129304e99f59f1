"""The image of the rooms and what they import, read from the code: docs/images/rooms.png.

    python benchmarks/draw_rooms.py [--out FILE]

Thickness of an arrow: how many files of the one room import the other.
"""

import argparse
import ast
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LAYERS = (  # from the top: what people start, then what that is made of
    ("main", "demos"),
    ("config", "applications"),
    ("deploy", "data_tools"),
    ("dataloader", "models", "criterions", "metrics", "optim", "distortions", "public_datasets"),
    ("utils",),
    ("rankiqa",),
)


def main(argv: list[str] | None = None) -> int:
    """Draw; 0."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs/images/rooms.png")
    target = parser.parse_args(argv).out
    _draw(imports(), target)
    print(target)
    return 0


def imports() -> Counter[tuple[str, str]]:
    """{(room, imported room): files of the room that import it}."""
    rooms = {room for layer in LAYERS for room in layer}
    found: Counter[tuple[str, str]] = Counter()
    for room in rooms:
        folder = ROOT / room
        files = sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]
        for file in files:
            if room not in LAYERS[0] and _is_program(file):  # entry points in utils call the rooms above
                continue
            names = {name for name in _imported(file) if name in rooms and name != room}
            found.update((room, name) for name in names)
    return found


def _is_program(file: Path) -> bool:
    return '\nif __name__ == "__main__":' in file.read_text(encoding="utf-8")


def _imported(file: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module.split(".")[0])
        elif isinstance(node, ast.Import):
            names += [alias.name.split(".")[0] for alias in node.names]
    return names


def _draw(edges: Counter[tuple[str, str]], target: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7), layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlim=(-0.6, 4.6), ylim=(-0.5, len(LAYERS) - 0.5))
    axes.axis("off")
    places = {}
    for depth, layer in enumerate(LAYERS):
        for number, room in enumerate(layer):
            width = 4.0 / max(len(layer) - 1, 1)
            places[room] = (2.0 if len(layer) == 1 else number * width, len(LAYERS) - 1 - depth)
    for (room, other), count in sorted(edges.items()):
        _arrow(axes, places[room], places[other], count)
    for room, (x, y) in places.items():
        box = {"boxstyle": "round,pad=0.5", "facecolor": "#eef3fb", "edgecolor": "#3b5b8c"}
        axes.text(x, y, room, ha="center", va="center", fontsize=11, bbox=box, zorder=3)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=100)


def _arrow(axes: Any, start: tuple[float, float], end: tuple[float, float], count: int) -> None:
    style = {
        "arrowstyle": "-|>",
        "mutation_scale": 10,
        "linewidth": min(0.6 + 0.25 * count, 3.0),
        "color": "#8a96a8",
        "shrinkA": 18,
        "shrinkB": 18,
        "connectionstyle": "arc3,rad=0.12",
    }
    axes.annotate("", xy=end, xytext=start, arrowprops=style)


if __name__ == "__main__":
    raise SystemExit(main())
