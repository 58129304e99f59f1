"""Squared error between score and MOS: directly for N = 1, of the expected rating for N > 1."""

import torch
from torch import Tensor, nn

from criterions.checks import full_precision, require_shape
from criterions.factory import register
from criterions.score import score

PAIRS = 2**20  # compared at a time, which fit into a cache: no (R, R) matrix of a whole validation set


def regress_loss(scores: Tensor, mos: Tensor) -> Tensor:
    """Mean of (score - MOS)^2 over (R,) and (R,); other shapes are refused, because they would broadcast."""
    require_shape(tuple(scores.shape), mos=mos)
    return (scores - mos).square().mean()


def order_loss(scores: Tensor, mos: Tensor, sets: Tensor | None = None) -> Tensor:
    """Mean over all pairs i, j with MOS_i > MOS_j of max(0, (MOS_i - MOS_j) - (score_i - score_j)).

    The hinge of RankIQA (Liu et al. 2017, eq. 3) with the gap of the labels as the margin of each pair: two
    images of nearly one MOS need not lie far apart. 0 where all MOS are equal. Without gradients it takes
    memory for PAIRS pairs at most.

    Args:
        scores, mos: (R,).
        sets: (R,) data sets; pairs of two of them are left out. None: all are of one.
    """
    require_shape(tuple(scores.shape), mos=mos)
    sums, counts = [], []
    rows = max(1, PAIRS // max(1, len(mos)))
    of = mos.new_zeros(mos.shape) if sets is None else sets
    for block, labels, own in zip(scores.split(rows), mos.split(rows), of.split(rows), strict=True):
        gaps = labels[:, None] - mos
        ordered = gaps > 0
        if sets is not None:
            ordered &= own[:, None] == sets
        sums.append((((gaps - (block[:, None] - scores)).clamp_min(0)) * ordered).sum())
        counts.append(ordered.sum())
    return torch.stack(sums).sum() / torch.stack(counts).sum().clamp_min(1)


@register("regress", "rank_weight")
class RegressLoss(nn.Module):
    """`regress_loss` on the rows of a batch, and `rank_weight` times their `order_loss`.

    Args:
        rank_weight: 0 leaves the squared error alone.
    """

    def __init__(self, rank_weight: float = 0.0) -> None:
        super().__init__()
        self.rank_weight = rank_weight

    def forward(self, logits: Tensor, pair_index: Tensor, targets: Tensor) -> Tensor:
        """The loss of (M, N) logits at the (R, 1) indices against (R,) MOS."""
        scores = score(logits)[pair_index[:, 0]]
        loss = regress_loss(scores, targets)
        return loss + self.rank_weight * order_loss(scores, targets) if self.rank_weight else loss


class SetsRegressLoss(nn.Module):
    """`RegressLoss` on rows of several data sets, each in standard deviations of the MOS of its set.

    So a set with a wide scale counts as much per row as one with a narrow scale, and `order_loss` compares
    images of one set alone.

    Args:
        means, deviations: (K,) of the MOS of the sets.
        rank_weight: of `order_loss`.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, means: Tensor, deviations: Tensor, rank_weight: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("mean", means.clone())
        self.register_buffer("deviation", deviations.clone())
        self.rank_weight = rank_weight

    def forward(self, mapped: Tensor, pair_index: Tensor, targets: Tensor) -> Tensor:
        """The loss of (M, K) standardised scores on the scale of each set.

        Args:
            mapped: of M images.
            pair_index: (R, 1), which of them the rows are of.
            targets: (R, 2): the MOS, and the number of its set.
        """
        sets = targets[:, 1].long()
        scores = full_precision(mapped)[pair_index[:, 0], sets]
        mos = (targets[:, 0] - self.mean[sets]) / self.deviation[sets]
        loss = regress_loss(scores, mos)
        return loss + self.rank_weight * order_loss(scores, mos, sets) if self.rank_weight else loss
