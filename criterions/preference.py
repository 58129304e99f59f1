"""What losses of pairs with a share of raters have in common."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from criterions.checks import require_shape
from criterions.score import score


class Preferences(NamedTuple):
    """Pairs of a batch, (R,) each.

    Attributes:
        gap: score of the first image less that of the second.
        share: of raters who prefer the first, in [0, 1].
        weight: of the pair, by its votes; about 1 in the mean.
        order: 1 the first is the better one, -1 the second, 0 a tie.
    """

    gap: Tensor
    share: Tensor
    weight: Tensor
    order: Tensor


def preferences(scores: Tensor, pair_index: Tensor, targets: Tensor) -> Preferences:
    """The pairs of a batch from its (M,) scores.

    Args:
        pair_index: (R, 2) into the scores, (first, second).
        targets: (R, 3) shares, weights and orders; (R, 0): all raters prefer the first image of each pair.
    """
    rows = len(pair_index)
    if targets.shape[1] == 0:
        targets = targets.new_ones(rows, 3)
    require_shape((rows, 3), targets=targets)
    gap = scores[pair_index[:, 0]] - scores[pair_index[:, 1]]
    return Preferences(gap, *targets.to(gap.dtype).unbind(dim=1))


class PreferenceLoss(nn.Module):
    """Weighted mean over pairs of a loss between the given share and the one that the scores predict.

    A subclass says what gap of scores stands for which share. That is what gives its scores a unit.
    """

    def forward(self, logits: Tensor, pair_index: Tensor, targets: Tensor) -> Tensor:
        """The loss of (M, N) logits at the (R, 2) index pairs; `targets` as for `preferences`."""
        rows = preferences(score(logits), pair_index, targets)
        return (rows.weight * self.of_pairs(rows.gap, rows.share)).mean()

    def of_pairs(self, gap: Tensor, share: Tensor) -> Tensor:
        """(R,) losses of pairs whose scores are (R,) `gap` apart, against (R,) shares."""
        raise NotImplementedError

    def log_share(self, gap: Tensor) -> Tensor:
        """(R,) logarithms of the predicted shares; `log_share(-gap)` are those of the other image."""
        raise NotImplementedError


def predicted_log_shares(criterion: nn.Module, gap: Tensor) -> Tensor | None:
    """(R, 2) logarithms of the shares that prefer the first and the second image, in float64.

    Args:
        gap: (R,) score of the first less that of the second.

    Returns:
        None where scores learned by `criterion` have no unit, as with the hinge.
    """
    if not isinstance(criterion, PreferenceLoss):
        return None
    gap = gap.double()
    return torch.stack([criterion.log_share(gap), criterion.log_share(-gap)], dim=1)
