"""Thurstone model of pairs: fidelity between shares of raters.

The model is case V of Thurstone (A Law of Comparative Judgment, Psychological Review 34, 1927) with a unit
variance of each image; the loss on top of it is that of UNIQUE (Zhang, Ma, Zhai & Yang, TIP 30, 2021),
whose network also predicts the variances. Fidelity: Tsai et al., FRank, SIGIR 2007.
"""

import math

import torch
from torch import Tensor

from criterions.checks import require_shape
from criterions.factory import register
from criterions.preference import PreferenceLoss

# Standard deviations beyond which the derivative is 0 in float32, and below 1e-40 in float64. Its own formula
# is infinity times zero out there.
FARTHEST = 20.0


def fidelity_loss(gap: Tensor, share: Tensor) -> Tensor:
    """(R,) values of 1 - sqrt(p q) - sqrt((1 - p)(1 - q)) with q = Phi(gap / sqrt(2)), each in [0, 1].

    Computed as the half of (sqrt(p) - sqrt(q))^2 + (sqrt(1 - p) - sqrt(1 - q))^2, which is the same and
    cancels no digits near its minimum. It is bounded: a pair that is far off, as a wrong vote can be, hardly
    pulls.

    Args:
        gap: (R,) score of the first image less that of the second, of any size.
        share: (R,) p, of raters who prefer the first, in [0, 1].
    """
    require_shape(tuple(gap.shape), share=share)
    deviations = (gap / math.sqrt(2)).clamp(-FARTHEST, FARTHEST)
    first, second = (_root_of_cdf(side) for side in (deviations, -deviations))
    return ((share.sqrt() - first).square() + ((1 - share).sqrt() - second).square()) / 2


def _root_of_cdf(deviations: Tensor) -> Tensor:
    return (torch.special.log_ndtr(deviations) / 2).exp()


@register("rank/fidelity")
class FidelityLoss(PreferenceLoss):
    """Mean `fidelity_loss`; a gap of 1 between scores means that 76% prefer the better image."""

    def of_pairs(self, gap: Tensor, share: Tensor) -> Tensor:
        """(R,) losses."""
        return fidelity_loss(gap, share)

    def log_share(self, gap: Tensor) -> Tensor:
        """(R,) log Phi(gap / sqrt(2))."""
        return torch.special.log_ndtr(gap / math.sqrt(2))
