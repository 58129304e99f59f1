"""Squared error between score and MOS: directly for N = 1, of the expected rating for N > 1."""

import torch
from torch import Tensor, nn

from criterions.checks import require_shape
from criterions.factory import register
from criterions.score import score

PAIRS = 2**20  # compared at a time, which fit into a cache: no (R, R) matrix of a whole validation set


def regress_loss(scores: Tensor, mos: Tensor) -> Tensor:
    """Mean of (score - MOS)^2 over (R,) and (R,); other shapes are refused, because they would broadcast."""
    require_shape(tuple(scores.shape), mos=mos)
    return (scores - mos).square().mean()


def order_loss(scores: Tensor, mos: Tensor) -> Tensor:
    """Mean over all pairs i, j with MOS_i > MOS_j of max(0, (MOS_i - MOS_j) - (score_i - score_j)).

    The hinge of RankIQA (Liu et al. 2017, eq. 3) with the gap of the labels as the margin of each pair: two
    images of nearly one MOS need not lie far apart. 0 where all MOS are equal. Without gradients it takes
    memory for PAIRS pairs at most.

    Args:
        scores, mos: (R,).
    """
    require_shape(tuple(scores.shape), mos=mos)
    sums, counts = [], []
    rows = max(1, PAIRS // max(1, len(mos)))
    for block, labels in zip(scores.split(rows), mos.split(rows), strict=True):
        gaps = labels[:, None] - mos
        ordered = gaps > 0
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
