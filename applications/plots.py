"""Figures, drawn without a display."""

from typing import Any

import numpy as np

from metrics.logistic import fit_logistic


def scatter(task: str, first: np.ndarray, second: np.ndarray) -> Any:
    """A Matplotlib figure of predictions.

    Args:
        task: "rank": `first` and `second` are the (R,) scores of the better and the worse image of each pair;
            otherwise the (R,) predicted scores and the opinions.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.add_subplot()
    dots: dict[str, Any] = {"s": 9, "alpha": 0.5, "linewidths": 0}
    if task == "rank":
        right = first > second
        axes.scatter(second[right], first[right], label=f"right order ({right.sum()})", **dots)
        axes.scatter(
            second[~right], first[~right], color="crimson", label=f"wrong or tied ({(~right).sum()})", **dots
        )
        ends = [min(first.min(), second.min()), max(first.max(), second.max())]
        axes.plot(ends, ends, color="grey", linewidth=1)
        axes.set(xlabel="score of the worse image", ylabel="score of the better image", title="pairs")
    else:
        axes.scatter(first, second, label="images", **dots)
        _draw_fit(axes, first, second)
        axes.set(xlabel="predicted score", ylabel="opinion (MOS)", title="predicted against true")
    axes.legend()
    axes.grid(alpha=0.2)
    return figure


def _draw_fit(axes: Any, predicted: np.ndarray, mos: np.ndarray) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the table of figures says already that there is no fit
        fit = fit_logistic(predicted, mos)
    if fit is not None:
        line = np.linspace(predicted.min(), predicted.max(), 200)
        axes.plot(line, fit(line), color="black", linewidth=1, label="logistic fit")


def save(figure: Any, path: Any) -> None:
    """Write a figure as PNG, atomically."""
    from utils.files import atomic_write

    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=120)
