"""What a model says of damage beside what is known of it: metrics, a table, and a plot of confusions."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from applications.evaluation.logits import Outputs
from applications.setup.second_head import labels_of_reasons
from config import Config
from dataloader.labels import Labels
from dataloader.reasons import ReasonLabels
from metrics.reasons import Named, confusion, family_aucs, reasons_metrics
from rankiqa.reasons import in_words
from rankiqa.spec import ModelSpec
from utils.errors import DataError


@dataclass(frozen=True)
class ReasonsReport:
    """How well a model names damage.

    Attributes:
        families: K names.
        metrics: see `metrics.reasons.reasons_metrics`.
        aucs: (K,), NaN where undefined.
        visible: int (K,), images in which each is visible for certain.
        confusion: int (K + 1, K + 1), see `metrics.reasons.confusion`.
    """

    families: tuple[str, ...]
    metrics: dict[str, float]
    aucs: np.ndarray
    visible: np.ndarray
    confusion: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """For metrics.json."""
        families = {
            family: {"auc": float(auc), "visible": int(count)}
            for family, auc, count in zip(self.families, self.aucs, self.visible, strict=True)
        }
        return {"families": families, "confusion": self.confusion.tolist()}


def named(outputs: Outputs, labels: ReasonLabels) -> Named:
    """Both of the images that could be read and of which something is known."""
    rows = np.isfinite(outputs.reasons).all(axis=1) & labels.known
    probabilities, severities = np.split(outputs.reasons[rows], 2, axis=1)
    return Named(probabilities, severities, labels.presence[rows], labels.severity[rows])


def evaluate_reasons(
    config: Config, spec: ModelSpec, labels: Labels, outputs: Outputs
) -> ReasonsReport | None:
    """The report of a model with reasons; None where it has none, or nothing is known of the images."""
    if not spec.reasons:
        return None
    try:
        known = labels_of_reasons(config, spec, labels)
    except DataError:  # scores can be judged all the same
        return None
    said = named(outputs, known)
    return ReasonsReport(
        spec.reasons,
        reasons_metrics(said),
        family_aucs(said),
        (said.presence == 1).sum(axis=0),
        confusion(said),
    )


def family_table(report: ReasonsReport) -> str:
    """A line per family: images in which it is visible, AUC."""
    lines = [f"{'reason':<28}{'images':>8}{'AUC':>11}"]
    for family, count, auc in zip(report.families, report.visible, report.aucs, strict=True):
        value = f"{auc:.4f}" if np.isfinite(auc) else "undefined"
        lines.append(f"{in_words(family):<28}{count:>8}{value:>11}")
    return "\n".join(lines)


def confusion_plot(report: ReasonsReport) -> Any:
    """Matplotlib figure: what is visible alone, by row, against what is named first; shares of each row."""
    from matplotlib.figure import Figure

    counts = report.confusion
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [*map(in_words, report.families), "none"]
    figure = Figure(figsize=(10, 9), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    places = range(len(names))
    axes.set_xticks(places, names, rotation=45, ha="right")
    axes.set_yticks(
        places, [f"{name} ({total})" for name, total in zip(names, counts.sum(axis=1), strict=True)]
    )
    axes.set(xlabel="first reason of the model", ylabel="visible damage (images)")
    for row, column in zip(*np.nonzero(counts), strict=True):
        dark = shares[row, column] > 0.5
        axes.text(
            column,
            row,
            f"{100 * shares[row, column]:.0f}",
            ha="center",
            va="center",
            color="white" if dark else "black",
        )
    axes.set_title("first reasons, % of the images of each row")
    return figure
