"""From logits to metrics: what validation and `-e` share."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from criterions.preference import predicted_log_shares
from criterions.score import score
from dataloader.labels import Labels
from metrics.task import Preferences, emd_metrics, preference_metrics, rank_metrics, regress_metrics
from rankiqa.scales import to_scale
from rankiqa.spec import ModelSpec
from utils.errors import DataError

DIVERGED = 1e20  # no scale of ratings reaches so far, and no network that learns


@dataclass(frozen=True)
class Predictions:
    """What the model says of the images of a label file.

    Attributes:
        logits: (M, N).
        scores: (M,), NaN where an image could not be read; on the scale of the data set, where it has one.
        rows: the rows of the label file whose images were all read.
        metrics: metric name -> value, over these rows.
        log_shares: float64 (R, 2) of all rows, logarithms of the predicted shares of raters who prefer the
            first and the second image; NaN where an image could not be read; None: no shares are known or
            predicted.
        on_scale: whether the scores are on the scale of the data set.
    """

    logits: np.ndarray
    scores: np.ndarray
    rows: np.ndarray
    metrics: dict[str, float]
    log_shares: np.ndarray | None = None
    on_scale: bool = False

    @property
    def probs(self) -> np.ndarray:
        """(M, N) predicted distributions."""
        return softmax(self.logits)


def softmax(logits: np.ndarray) -> np.ndarray:
    """(M, N) distributions of (M, N) logits."""
    return torch.from_numpy(logits).softmax(dim=1).numpy()


def plain_scores(logits: np.ndarray) -> np.ndarray:
    """(M,) scores of (M, N) logits."""
    return score(torch.from_numpy(logits)).numpy()


def evaluate_logits(
    labels: Labels, logits: np.ndarray, criterion: nn.Module, scale: Mapping[str, float] | None = None
) -> Predictions:
    """The metrics of (M, N) logits on the rows of `labels`; rows with an unread image are left out.

    Args:
        labels: of one data set.
        logits: of its M images.
        criterion: its loss.
        scale: of the set, for regress: scores and metrics are on it, the loss in its standard deviations.

    Raises:
        DataError: no row is left.
    """
    scores = plain_scores(logits)
    rows = np.flatnonzero(np.isfinite(logits).all(axis=1)[labels.images].all(axis=1))
    if not len(rows):
        raise DataError(f"{labels.source}: of none of its {len(labels)} rows all images can be read")
    images, targets = labels.images[rows], labels.targets[rows]
    if labels.has_shares:
        targets[:, 1] /= targets[:, 1].mean()  # votes of the rows that are left
    judged, wanted = logits, targets
    if scale is not None:
        scores = to_scale(scores, scale)
        judged, wanted = scores[:, None] / scale["deviation"], targets / scale["deviation"]
    with torch.inference_mode():
        pair_index = torch.from_numpy(images).long()
        loss = float(criterion(torch.from_numpy(judged), pair_index, torch.from_numpy(wanted)))
    log_shares = None
    if labels.task == "rank":
        pairs, has_order = labels.ordered(rows)
        metrics = rank_metrics(scores, pairs[has_order])
        log_shares = _log_shares(labels, scores, criterion)
        if log_shares is not None:
            shares, votes = labels.opinions[rows].T
            metrics |= preference_metrics(Preferences(images, shares, votes, log_shares[rows]))
    elif labels.task == "emd":
        metrics = emd_metrics(softmax(logits[images[:, 0]]), labels.opinions[rows])
    else:
        metrics = regress_metrics(scores[images[:, 0]], targets)
    return Predictions(logits, scores, rows, {"loss": loss, **metrics}, log_shares, scale is not None)


def _log_shares(labels: Labels, scores: np.ndarray, criterion: nn.Module) -> np.ndarray | None:
    """See `Predictions`."""
    if not labels.has_shares:
        return None
    first, second = torch.from_numpy(scores)[torch.from_numpy(labels.images).long()].unbind(dim=1)
    found = predicted_log_shares(criterion, first.double() - second)
    return None if found is None else found.numpy()


def with_percentiles(spec: ModelSpec, scores: np.ndarray) -> ModelSpec:
    """`spec` with the percentiles and the range of (M,) validation scores."""
    percentiles = score_percentiles(scores)
    return spec.with_(score_percentiles=percentiles, score_range=(percentiles[0], percentiles[-1]))


def score_percentiles(scores: np.ndarray) -> tuple[float, ...]:
    """The 101 percentiles 0..100 of the scores that are there, for the ModelSpec."""
    if np.nanmax(np.abs(scores)) > DIVERGED:
        scores = scores.astype(np.float64)  # differences between them may be too large for float32
    return tuple(float(value) for value in np.nanpercentile(scores, np.arange(101)))
