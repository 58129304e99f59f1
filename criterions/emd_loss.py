"""Earth mover's distance between distributions of ratings (Talebi & Milanfar, NIMA, TIP 2018, eq. 1)."""

from torch import Tensor, nn

from criterions.checks import full_precision, require_shape
from criterions.factory import register
from metrics.emd import mean_powers


def emd(probs: Tensor, hist: Tensor, r: float = 2.0) -> Tensor:
    """(B,) distances (1/N sum_k |CDF_p(k) - CDF_q(k)|^r)^(1/r), in [0, 1].

    The gradient at distance zero, where the root has none, is zero.

    Args:
        probs, hist: (B, N) distributions that sum to one.
        r: 2 for training, as in the paper; 1 is what is reported.
    """
    require_shape(tuple(probs.shape), hist=hist)
    powers: Tensor = mean_powers(full_precision(probs), full_precision(hist), r)
    if r == 1:
        return powers
    zero = powers == 0
    return powers.masked_fill(zero, 1.0).pow(1 / r).masked_fill(zero, 0.0)


@register("emd")
class EMDLoss(nn.Module):
    """Mean `emd` between softmax(logits) and the rated distributions.

    Args:
        r: exponent of the distance.
    """

    def __init__(self, r: float = 2.0) -> None:
        super().__init__()
        self.r = r

    def forward(self, logits: Tensor, pair_index: Tensor, targets: Tensor) -> Tensor:
        """The loss of (M, N) logits at the (R, 1) indices against (R, N) distributions."""
        rows = logits[pair_index[:, 0]]
        return emd(full_precision(rows).softmax(dim=1), targets, self.r).mean()
