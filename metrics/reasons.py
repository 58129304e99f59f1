"""How well a model names damage: AUC by family, the first reason, and clean images that get none."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from rankiqa.reasons import MOST, THRESHOLD

TINY = 1e-7  # probabilities are kept so far from 0 and 1 in the loss


@dataclass(frozen=True)
class Named:
    """What a model says of M images, and what is known of them.

    Attributes:
        probabilities, severities: (M, K) in 0..1.
        presence: (M, K): 1 visible, 0 not, NaN unknown.
        severity: (M, K) in 0..1, NaN unknown.
    """

    probabilities: np.ndarray
    severities: np.ndarray
    presence: np.ndarray
    severity: np.ndarray

    @property
    def count(self) -> np.ndarray:
        """(M,) families that are visible for certain."""
        return (self.presence == 1).sum(axis=1)

    @property
    def clean(self) -> np.ndarray:
        """(M,) whether nothing is visible, for certain."""
        return (self.presence == 0).all(axis=1)

    def first(self, most: int = MOST) -> np.ndarray:
        """(M, most) families that are named, the strongest first; -1 where no more are."""
        strength = np.where(self.probabilities >= THRESHOLD, self.probabilities * self.severities, -1.0)
        order = np.argsort(-strength, axis=1, kind="stable")[:, :most]
        return np.where(np.take_along_axis(strength, order, axis=1) >= 0, order, -1)


def auc(values: np.ndarray, positive: np.ndarray) -> float:
    """Area under the ROC curve: share of pairs of a positive and a negative in which the positive has more.

    Ties count half (Hanley and McNeil 1982). NaN where one of both is missing.

    Args:
        values: (R,).
        positive: bool (R,).
    """
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return float("nan")
    above = rankdata(values)[positive].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def family_aucs(named: Named) -> np.ndarray:
    """(K,) AUC of each family over the images of which it is known; NaN where it is undefined."""
    known = np.isfinite(named.presence)
    return np.array(
        [
            auc(named.probabilities[rows, family], named.presence[rows, family] == 1)
            for family, rows in enumerate(known.T)
        ]
    )


def reasons_metrics(named: Named) -> dict[str, float]:
    """Loss, mean AUC over the families, and shares of images; NaN where there is no such image.

    `reasons_first`: of images with one visible family, that it is named first. `reasons_both`: of images with
    two, that both are named. `reasons_clean`: of images without any, that none is named.
    """
    aucs, first = family_aucs(named), named.first()
    visible = named.presence == 1
    hits = np.take_along_axis(visible, np.maximum(first, 0), axis=1) & (first >= 0)
    return {
        "reasons_loss": _loss(named),
        "reasons_auc": float(np.nanmean(aucs)) if np.isfinite(aucs).any() else float("nan"),
        "reasons_first": _share(hits[:, 0], named.count == 1),
        "reasons_both": _share(hits.sum(axis=1) == 2, named.count == 2),
        "reasons_clean": _share(first[:, 0] < 0, named.clean),
    }


def confusion(named: Named) -> np.ndarray:
    """int (K + 1, K + 1): images by what is visible (one family, or none: the last row) and what is first."""
    families = named.presence.shape[1]
    counts = np.zeros((families + 1, families + 1), dtype=int)
    first = named.first()[:, 0]
    rows = np.where(named.clean, families, np.argmax(named.presence == 1, axis=1))
    counted = named.clean | (named.count == 1)
    np.add.at(counts, (rows[counted], np.where(first < 0, families, first)[counted]), 1)
    return counts


def _share(right: np.ndarray, counted: np.ndarray) -> float:
    return float(right[counted].mean()) if counted.any() else float("nan")


def _loss(named: Named) -> float:
    """Mean binary cross-entropy of presence and mean squared error of severity, as in training."""
    sure = np.clip(named.probabilities.astype(np.float64), TINY, 1 - TINY)
    known, severe = np.isfinite(named.presence), named.severity > 0
    entropy = -np.where(named.presence == 1, np.log(sure), np.log1p(-sure))
    error = np.square(named.severities - named.severity)
    return sum(
        float(values[rows].mean()) if rows.any() else 0.0
        for values, rows in ((entropy, known), (error, severe))
    )
