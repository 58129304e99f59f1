"""Bradley-Terry model of pairs: cross-entropy on the share of raters.

Bradley & Terry, Rank Analysis of Incomplete Block Designs, Biometrika 39, 1952; with p = 1 the loss of
RankNet (Burges et al., ICML 2005).
"""

import torch.nn.functional as F
from torch import Tensor

from criterions.checks import require_shape
from criterions.factory import register
from criterions.preference import PreferenceLoss


def logistic_loss(gap: Tensor, share: Tensor) -> Tensor:
    """(R,) cross-entropies between `share` and sigmoid(`gap`), in nats.

    Weighted by the votes of each pair, their sum is the negative log-likelihood of all votes.

    Args:
        gap: (R,) score of the first image less that of the second: a logit, of any size.
        share: (R,) of raters who prefer the first, in [0, 1].
    """
    require_shape(tuple(gap.shape), share=share)
    return F.binary_cross_entropy_with_logits(gap, share, reduction="none")


@register("rank/logistic")
class LogisticLoss(PreferenceLoss):
    """Mean `logistic_loss`; a gap of 1 between scores means that 73% prefer the better image."""

    def of_pairs(self, gap: Tensor, share: Tensor) -> Tensor:
        """(R,) cross-entropies."""
        return logistic_loss(gap, share)

    def log_share(self, gap: Tensor) -> Tensor:
        """(R,) log sigmoid(gap)."""
        return F.logsigmoid(gap)
