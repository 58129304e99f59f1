"""Scores of images, printed as lines and drawn on a sheet."""

import math
import sys
from pathlib import Path

from rankiqa.batch.folders import find_images
from rankiqa.files import atomic_write
from rankiqa.image import read_rgb
from rankiqa.scorer import Scorer
from rankiqa.terminal.printable import printable
from utils.errors import ImageError

COLUMNS = 6
MOST = 60  # more would be too small to see


def describe(scorer: Scorer, model: Path) -> str:
    """One line on the model and on what its scores mean."""
    spec = scorer.spec
    if spec.num_classes > 1:
        scale = f"in 1..{spec.num_classes}"
    elif spec.score_range:
        scale = f"{spec.score_range[0]:.3f} to {spec.score_range[1]:.3f} in validation"
    else:
        scale = "no fixed scale"
    return f"{model}: {spec.arch}, trained by {spec.criterion}; score: higher is better, {scale}"


def print_scores(scorer: Scorer, paths: list[Path]) -> tuple[list[tuple[float, Path]], int]:
    """Score every image of the files and folders: (score, image) of each, and how many can't be read.

    Raises:
        ImageError: there are no images.
    """
    images = [image for path in paths for image in (find_images(path) if path.is_dir() else [path])]
    if not images:
        raise ImageError(f"no images in {', '.join(map(str, paths))}")
    scored: list[tuple[float, Path]] = []
    failed = 0
    for image in images:
        try:
            result = scorer.score([read_rgb(image)])
        except ImageError as error:
            print(f"error: {error}", file=sys.stderr)
            failed += 1
            continue
        shares = "" if result.probs is None else "  " + " ".join(f"{share:.3f}" for share in result.probs[0])
        print(f"{result.scores[0]:9.4f}{shares}  {printable(str(image))}")
        scored.append((float(result.scores[0]), image))
    return scored, failed


def draw_sheet(scored: list[tuple[float, Path]], path: Path) -> None:
    """Write a PNG of thumbnails with score and name below each.

    Args:
        scored: (score, image), in any order; of more than 60, evenly chosen ones are shown.
        path: of the PNG, written atomically.
    """
    from matplotlib.figure import Figure

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
