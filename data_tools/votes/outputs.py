"""What goes with the labels: tables of images and raters, the plot of the scale, lists of names."""

import io
import math
from collections.abc import Iterable, Sequence

import numpy as np

from data_tools.label_file import csv_text

NAMES = 10  # that a line lists
MOST_TICKS = 40  # images whose names fit under the plot


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A table as CSV; numbers with nine digits, NaN as an empty cell."""
    text = csv_text([header, *([_cell(value) for value in row] for row in rows)])
    return text.encode("utf-8", "surrogateescape")


def _cell(value: object) -> object:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.9g}"
    return value


def some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - NAMES
    return ", ".join(names[:NAMES]) + (f" and {more} more" if more > 0 else "")


def plot_scale(
    names: Sequence[str], score: np.ndarray, low: np.ndarray, high: np.ndarray, label: str
) -> bytes:
    """PNG of the images from worst to best, each with its interval.

    Args:
        names: (n,) of the images.
        score: (n,); those that are NaN are not drawn.
        low: (n,) lower ends.
        high: (n,) upper ends.
        label: of the axis of scores.
    """
    from matplotlib.figure import Figure

    order = np.argsort(score, kind="stable")
    order = order[np.isfinite(score[order])]
    places = np.arange(len(order))
    named = len(order) <= MOST_TICKS
    width = min(16.0, 5 + 0.15 * len(order))
    figure = Figure(figsize=(width, 5))
    # by hand: a layout engine takes longer than all else together
    figure.subplots_adjust(left=0.8 / width, right=1 - 0.2 / width, bottom=0.4 if named else 0.12, top=0.93)
    axes = figure.add_subplot()
    bars = np.stack([score[order] - low[order], high[order] - score[order]])
    bars = np.nan_to_num(np.maximum(bars, 0))  # a single vote has no interval
    axes.errorbar(places, score[order], bars, fmt="o", markersize=3, linewidth=1, capsize=2)
    axes.set(ylabel=label, title=f"{len(order)} images with 95% intervals")
    axes.grid(alpha=0.2)
    if named:
        # a dollar sign would begin a formula
        ticks = [names[image][-30:].replace("$", r"\$") for image in order]
        axes.set_xticks(places, ticks, rotation=90, fontsize=6)
    else:
        axes.set_xlabel("images, from worst to best")
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=100, metadata={"Software": None})
    return content.getvalue()
