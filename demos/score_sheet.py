"""Images and their scores on one sheet, the best first."""

import math
from pathlib import Path

COLUMNS = 6
MOST = 60  # more would be too small to see


def draw_sheet(scored: list[tuple[float, Path]], path: Path) -> None:
    """Write a PNG of thumbnails with score and name below each.

    Args:
        scored: (score, image), in any order; of more than 60, evenly chosen ones are shown.
        path: of the PNG, written atomically.
    """
    from matplotlib.figure import Figure

    from rankiqa.files import atomic_write
    from rankiqa.image import read_rgb
    from rankiqa.terminal.printable import printable

    ranked = sorted(scored, key=lambda pair: -pair[0])
    step = max(1, math.ceil(len(ranked) / MOST))
    shown = ranked[::step]
    rows = math.ceil(len(shown) / COLUMNS)
    figure = Figure(figsize=(2.4 * COLUMNS, 2.2 * rows), layout="constrained")
    for place, (score, image) in enumerate(shown, start=1):
        axes = figure.add_subplot(rows, COLUMNS, place)
        thumbnail = read_rgb(image)
        thumbnail.thumbnail((480, 480))
        axes.imshow(thumbnail)
        axes.set_title(f"{score:.2f}", fontsize=13, fontweight="bold")
        # A name may hold a $ or bytes that are no text; matplotlib fails at both.
        axes.set_xlabel(printable("/".join(image.parts[-2:])), fontsize=8, parse_math=False)
        axes.set(xticks=[], yticks=[])
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=80)
