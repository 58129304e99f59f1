"""Plots of predictions and metrics, drawn without a display."""

from typing import Any

import numpy as np

from applications.evaluation.predictions import Predictions
from dataloader.labels import Labels
from metrics.emd import calibration, mean_rating
from metrics.logistic import fit_logistic
from metrics.task import METRICS


def scatter(labels: Labels, result: Predictions) -> Any:
    """Matplotlib figure of predictions: for rank scores of the better against the worse image, else MOS."""
    from matplotlib.figure import Figure

    images = labels.images[result.rows]
    if labels.task == "rank":
        pairs, has_order = labels.ordered(result.rows)
        images = pairs[has_order]
    first = result.scores[images[:, 0]]
    figure = Figure(figsize=(6, 6))
    figure.subplots_adjust(left=0.15, right=0.97, bottom=0.1, top=0.94)  # after every epoch: no layout engine
    axes = figure.add_subplot()
    dots: dict[str, Any] = {"s": 9, "alpha": 0.5, "linewidths": 0}
    if labels.task == "rank":
        second = result.scores[images[:, 1]]
        right = first > second
        axes.scatter(second[right], first[right], label=f"right order ({right.sum()})", **dots)
        axes.scatter(
            second[~right], first[~right], color="crimson", label=f"wrong or tied ({(~right).sum()})", **dots
        )
        if len(images):
            ends = [min(first.min(), second.min()), max(first.max(), second.max())]
            axes.plot(ends, ends, color="grey", linewidth=1)
        axes.set(xlabel="score of the worse image", ylabel="score of the better image", title="pairs")
    else:
        opinions = labels.opinions[result.rows]
        second = mean_rating(opinions) if labels.task == "emd" else opinions
        axes.scatter(first, second, label="images", **dots)
        _draw_fit(axes, first, second)
        axes.set(xlabel="predicted score", ylabel="opinion (MOS)", title="predicted against true")
    axes.legend()
    axes.grid(alpha=0.2)
    return figure


def _draw_fit(axes: Any, predicted: np.ndarray, mos: np.ndarray) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the table of metrics says already that there is no fit
        fit = fit_logistic(predicted, mos)
    if fit is not None:
        line = np.linspace(predicted.min(), predicted.max(), 200)
        axes.plot(line, fit(line), color="black", linewidth=1, label="logistic fit")


def bars(groups: dict[str, dict[str, float]]) -> Any:
    """Matplotlib figure with a bar per group, the worst on top: its first metric that is not `rows`."""
    from matplotlib.figure import Figure

    lead = next(name for name in next(iter(groups.values())) if name != "rows")
    defined = {name: values[lead] for name, values in groups.items() if np.isfinite(values[lead])}
    order = sorted(defined, key=lambda name: defined[name], reverse=True)
    figure = Figure(figsize=(6, max(2.0, 0.8 + 0.22 * len(order))), layout="constrained")
    axes = figure.add_subplot()
    axes.barh(order, [defined[name] for name in order], height=0.7)
    axes.set(xlabel=METRICS[lead].label, xlim=(min(0.0, *defined.values(), 0.0), 1), title="by type")
    axes.grid(alpha=0.2, axis="x")
    return figure


def calibration_plot(probs: np.ndarray, hist: np.ndarray) -> Any:
    """Matplotlib figure of predicted shares of ratings against the shares that people gave.

    Args:
        probs, hist: (R, N) predicted and rated distributions.
    """
    from matplotlib.figure import Figure

    predicted, rated, counts = calibration(probs, hist)
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.add_subplot()
    end = float(max(predicted.max(), rated.max())) * 1.05
    axes.plot([0, end], [0, end], color="grey", linewidth=1, label="perfect")
    axes.plot(
        predicted, rated, marker="o", label=f"means of {len(counts)} equal parts of {counts.sum()} shares"
    )
    axes.set(xlabel="predicted share of a rating", ylabel="share of the raters", title="calibration")
    axes.legend()
    axes.grid(alpha=0.2)
    return figure


def rate_plot(rates: np.ndarray, losses: np.ndarray, smooth: np.ndarray, best: float | None) -> Any:
    """Matplotlib figure of (T,) losses against the rates they were met at; `best` is the suggested one."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(rates, losses, alpha=0.3, label="loss")
    axes.plot(rates, smooth, color="black", label="smoothed")
    if best is not None:
        axes.axvline(best, color="crimson", linestyle="--", label=f"suggestion: {best:.1e}")
    finite = losses[np.isfinite(losses)]
    if len(finite):
        axes.set_ylim(finite.min() * 0.9, max(2 * finite[: len(finite) // 2 + 1].max(), finite.min() * 1.1))
    axes.set(xscale="log", xlabel="learning rate", ylabel="training loss", title="learning-rate range test")
    axes.legend()
    axes.grid(alpha=0.2)
    return figure


def curve_plot(points: np.ndarray, pairs: int) -> Any:
    """Matplotlib figure of agreement against rows: (K, 4) rows, mean, low and high end, on `pairs` pairs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    rows, mean, low, high = points.T
    axes.fill_between(rows, low, high, alpha=0.2, label="95% interval")
    axes.plot(rows, mean, marker="o", label=f"agreement on {pairs} held-out pairs")
    axes.axhline(0.5, color="grey", linestyle="--", linewidth=1, label="chance")
    axes.set(xlabel="pairs learned from", ylabel="share in the right order", title="learning curve")
    axes.legend(loc="lower right")
    axes.grid(alpha=0.2)
    return figure


def save(figure: Any, path: Any) -> None:
    """Write a figure as PNG, atomically."""
    from rankiqa.files import atomic_write

    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=120)
