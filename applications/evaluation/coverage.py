"""Intervals of scores: taken from the labels of one split, judged by those of another."""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from applications.evaluation.logits import Outputs
from applications.evaluation.predictions import Predictions, softmax
from applications.setup.origins import origins_of, scenes_of_rows
from criterions.score import score
from dataloader.labels import Labels
from metrics.bootstrap import Interval, bootstrap_intervals
from metrics.conformal import Calibration, Reached, calibrate, reached
from metrics.emd import mean_rating
from rankiqa.intervals import Intervals
from rankiqa.score import deviation
from utils.errors import DataError


@dataclass(frozen=True)
class CoverageReport:
    """What the intervals of a model do on labelled images.

    Attributes:
        nominal: coverage that was promised.
        rows: what the images are -> what was reached, and the 95% interval of the coverage.
    """

    nominal: float
    rows: dict[str, tuple[Reached, Interval]]

    def to_dict(self) -> dict[str, Any]:
        """For metrics.json."""
        rows = {
            name: {**found._asdict(), "interval": list(span)} for name, (found, span) in self.rows.items()
        }
        return {"nominal": self.nominal, "rows": rows}


def fit_intervals(labels: Labels, outputs: Outputs, coverage: float) -> Calibration:
    """Intervals by the labelled images that were read.

    Raises:
        DataError: labels that give none; the message says why.
    """
    if labels.task == "rank":
        raise DataError(f"{labels.source}: pairs say nothing of how far a score is off; intervals need a MOS")
    rows = np.flatnonzero(np.isfinite(outputs.logits).all(axis=1)[labels.images[:, 0]])
    scenes = _scenes(labels, rows)
    signals = _signals(labels, outputs.logits, outputs.deviations, rows)
    try:
        return calibrate(signals, _opinions(labels, rows), scenes, coverage)
    except DataError as error:
        raise DataError(f"{labels.source}: {error}") from error


def describe(calibration: Calibration, coverage: float) -> str:
    """One line on intervals that were made: their mean widths, without and with what narrows them."""
    intervals, tried = calibration.intervals, calibration.widths
    others = "".join(f", scaled by the {name} {width:.3f}" for name, width in tried.items() if name != "none")
    return (
        f"intervals of {coverage:.0%} from {intervals.images} images of {intervals.scenes} scenes: "
        f"mean width {calibration.plain_width:.3f}, by thirds of the score {tried['none']:.3f}{others}; "
        f"taken: {'thirds' if intervals.spread == 'none' else intervals.spread}; "
        f"up to {intervals.coverages[-1]:.0%} can be asked for"
    )


def evaluate_coverage(
    labels: Labels, result: Predictions, deviations: np.ndarray, intervals: Intervals | None, coverage: float
) -> CoverageReport | None:
    """The coverage of all rows and of each third of the score; None where there is nothing to judge."""
    if intervals is None or labels.task == "rank":
        return None
    rows, opinions = result.rows, _opinions(labels, result.rows)
    if not ((intervals.ends[0] <= opinions) & (opinions <= intervals.ends[1])).any():
        logging.warning(
            "labels from %.4g to %.4g: the intervals of the model are for labels from %.4g to %.4g, "
            "so their coverage is not reported",
            *(opinions.min(), opinions.max(), *intervals.ends),
        )
        return None
    signals = _signals(labels, result.logits, deviations, rows)
    low, high = intervals.around(signals, coverage)
    scenes, groups = _scenes(labels, rows), intervals.groups(signals["score"])
    parts = {"all": np.ones(len(rows), bool)}
    parts |= {name: groups == group for group, name in enumerate(_group_names(intervals))}
    found = {
        name: (reached(low[own], high[own], opinions[own]), _span(low, high, opinions, scenes, own))
        for name, own in parts.items()
        if own.any()
    }
    return CoverageReport(intervals.nominal(coverage), found)


def coverage_table(report: CoverageReport) -> str:
    """A line per part of the images: how many, coverage with its 95% interval, mean width."""
    lines = [
        f"{f'intervals of {report.nominal:.0%}':<28}{'images':>8}{'inside':>9}{'width':>9}   95% interval"
    ]
    for name, (found, span) in report.rows.items():
        ends = f"{span[0]:.4f} .. {span[1]:.4f}" if np.isfinite(span).all() else ""
        lines.append(
            f"{name:<28}{found.images:>8}{found.coverage:>9.4f}{found.width:>9.4f}   {ends}".rstrip()
        )
    return "\n".join(lines)


def _group_names(intervals: Intervals) -> list[str]:
    bounds = [f"{bound:.4g}" for bound in intervals.bounds]
    middle = [f"score {low} to {high}" for low, high in zip(bounds, bounds[1:], strict=False)]
    return [f"score below {bounds[0]}", *middle, f"score from {bounds[-1]}"] if bounds else ["every score"]


def _span(
    low: np.ndarray, high: np.ndarray, opinions: np.ndarray, scenes: np.ndarray, own: np.ndarray
) -> Interval:
    """Of the coverage of some rows, drawing whole scenes."""
    inside, names = ((low <= opinions) & (opinions <= high))[own], scenes[own]
    groups = names if len(np.unique(names)) < len(names) else None
    found = bootstrap_intervals(lambda values: {"inside": float(values.mean())}, inside, groups=groups)
    return found["inside"]


def _scenes(labels: Labels, rows: np.ndarray) -> np.ndarray:
    """(R,) the scene of each row; where no table says it, an image is a scene of its own."""
    scenes = scenes_of_rows(labels, rows, origins_of(labels))
    return labels.images[rows, 0] if scenes is None else scenes


def _opinions(labels: Labels, rows: np.ndarray) -> np.ndarray:
    """(R,) the MOS, or the mean rating."""
    opinions = labels.opinions[rows]
    return mean_rating(opinions) if labels.task == "emd" else opinions


def _signals(
    labels: Labels, logits: np.ndarray, deviations: np.ndarray, rows: np.ndarray
) -> dict[str, np.ndarray]:
    """What `rankiqa.intervals.Intervals` knows of each row."""
    images = labels.images[rows, 0]
    found = {"score": score(torch.from_numpy(logits[images])).numpy(), "crops": deviations[images]}
    return found | ({"ratings": deviation(softmax(logits[images]))} if logits.shape[1] > 1 else {})
