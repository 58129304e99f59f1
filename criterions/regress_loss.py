"""Squared error between score and MOS: directly for N = 1, of the expected rating for N > 1."""

from torch import Tensor, nn

from criterions.checks import require_shape
from criterions.score import score


def regress_loss(scores: Tensor, mos: Tensor) -> Tensor:
    """Mean of (score - MOS)^2 over (R,) and (R,); other shapes are refused, because they would broadcast."""
    require_shape(tuple(scores.shape), mos=mos)
    return (scores - mos).square().mean()


class RegressLoss(nn.Module):
    """`regress_loss` on the rows of a batch."""

    def forward(self, logits: Tensor, places: Tensor, targets: Tensor) -> Tensor:
        """The loss of (M, N) logits at (R, 1) places against (R,) MOS."""
        return regress_loss(score(logits)[places[:, 0]], targets)
