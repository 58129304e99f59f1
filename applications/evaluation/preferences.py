"""Pairs with shares of raters: the ties among them, and whether predicted shares are calibrated."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from applications.evaluation.intervals import preference_sums
from applications.evaluation.predictions import Predictions
from dataloader.labels import Labels
from metrics.bootstrap import Interval, bootstrap_intervals
from metrics.preferences import EDGES, Calibration


class Bin(NamedTuple):
    """Pairs whose predicted share, for the image that is predicted to be preferred, lies in `low`..`high`.

    Attributes:
        votes: on these pairs.
        predicted, observed: means over votes of the predicted share and of the raters'; NaN without votes.
        interval: 95%, of `observed`.
    """

    low: float
    high: float
    votes: float
    predicted: float
    observed: float
    interval: Interval


@dataclass(frozen=True)
class PreferenceReport:
    """What `-e` says of pairs with shares, beside the metrics.

    Attributes:
        ties: pairs without an order, which pair accuracy and score gap leave out.
        bins: calibration of the predicted shares; [] where scores have no unit.
    """

    ties: int
    bins: list[Bin]

    def to_dict(self) -> dict[str, Any]:
        """For metrics.json."""
        return {"ties_left_out": self.ties, "calibration": [one._asdict() for one in self.bins]}


def evaluate_preferences(
    labels: Labels, result: Predictions, scenes: np.ndarray | None
) -> PreferenceReport | None:
    """The report on pairs with shares; None: there are none. `scenes` (R,) of `result.rows` are drawn."""
    if not labels.has_shares or scenes is None:
        return None
    ties = int((labels.order[result.rows] == 0).sum())
    return PreferenceReport(ties, [] if result.log_shares is None else _bins(labels, result, scenes))


def _bins(labels: Labels, result: Predictions, scenes: np.ndarray) -> list[Bin]:
    _, number = np.unique(scenes, return_inverse=True)
    by_scene = Calibration(*preference_sums(labels, result, result.rows, number)[2:])

    def observed(votes: np.ndarray, of_these: np.ndarray) -> dict[str, float]:
        return {str(place): share for place, share in enumerate(of_these.sum(axis=0) / votes.sum(axis=0))}

    intervals = bootstrap_intervals(observed, by_scene.votes, by_scene.observed)
    votes, predicted, seen = (each.sum(axis=0).tolist() for each in by_scene)
    return [
        Bin(
            low=float(EDGES[place]),
            high=float(EDGES[place + 1]),
            votes=count,
            predicted=predicted[place] / count if count else math.nan,
            observed=seen[place] / count if count else math.nan,
            interval=intervals[str(place)],
        )
        for place, count in enumerate(votes)
    ]


def preference_table(report: PreferenceReport) -> str:
    """A line per bin: predicted share, votes, its mean, what the raters said, with 95% interval."""
    lines = [f"{'predicted share':<17}{'votes':>8}{'mean':>9}{'raters':>9}   95% interval"]
    for one in report.bins:
        line = f"{f'{one.low:.1f} to {one.high:.1f}':<17}{one.votes:>8.6g}"
        if one.votes:
            line += f"{one.predicted:>9.4f}{one.observed:>9.4f}"
        if all(map(math.isfinite, one.interval)):
            line += f"   {one.interval[0]:.4f} .. {one.interval[1]:.4f}"
        lines.append(line)
    return "\n".join(lines)


def preference_plot(report: PreferenceReport) -> Any:
    """Matplotlib figure of predicted shares against those of the raters, with intervals."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0.5, 1], [0.5, 1], color="grey", linewidth=1, label="perfect")
    known = [one for one in report.bins if one.votes]
    predicted, observed = [one.predicted for one in known], [one.observed for one in known]
    (line,) = axes.plot(predicted, observed, marker="o", label=f"{len(known)} bins of predicted shares")
    axes.vlines(
        predicted,
        [one.interval[0] for one in known],
        [one.interval[1] for one in known],
        color=line.get_color(),
        label="95% interval",
    )
    axes.set(
        xlabel="predicted share of the image that should be preferred",
        ylabel="share of the raters",
        title="calibration",
    )
    axes.legend()
    axes.grid(alpha=0.2)
    return figure


def preference_rows(labels: Labels, result: Predictions) -> Iterator[list[Any]]:
    """A header and a line per row that was read; of a tie no order is right, a hinge predicts no share."""
    yield ["first", "second", "p", "votes", "score_first", "score_second", "predicted_p", "right"]
    for row in result.rows:
        first, second = (float(result.scores[image]) for image in labels.images[row])
        order = labels.order[row]
        yield [
            *(labels.names[image] for image in labels.images[row]),
            *map(repr, labels.opinions[row].tolist()),
            repr(first),
            repr(second),
            "" if result.log_shares is None else repr(math.exp(result.log_shares[row, 0])),
            "" if not order else int((first - second) * order > 0),
        ]
