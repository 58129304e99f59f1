"""Loss of the second head: is a family of damage visible, and how severe is it."""

import torch.nn.functional as F
from torch import Tensor, nn

from criterions.checks import full_precision, require_shape


def reasons_loss(
    logits: Tensor, severity_logits: Tensor, presence: Tensor, severity: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean binary cross-entropy of presence, and mean squared error of severity; 0 where nothing is known.

    Args:
        logits, severity_logits: (B, K); their sigmoids are the probability of being visible and the severity.
        presence: (B, K), 1 visible, 0 not, NaN unknown, which counts nothing.
        severity: (B, K) in 0..1, NaN unknown; counted where it is above 0.
    """
    shape = tuple(logits.shape)
    require_shape(shape, severity_logits=severity_logits, presence=presence, severity=severity)
    logits, severity_logits = full_precision(logits), full_precision(severity_logits)
    known = presence.isfinite()
    entropy = F.binary_cross_entropy_with_logits(logits, presence.nan_to_num(), reduction="none")
    error = (severity_logits.sigmoid() - severity.nan_to_num()).square()
    severe = severity > 0  # False for NaN
    return _mean(entropy, known), _mean(error, severe)


def _mean(values: Tensor, counted: Tensor) -> Tensor:
    return (values * counted).sum() / counted.sum().clamp_min(1)


class ReasonsLoss(nn.Module):
    """`weight` times the sum of both means of `reasons_loss`.

    Args:
        weight: beside the loss of the score.
    """

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, outputs: Tensor, presence: Tensor, severity: Tensor) -> Tensor:
        """The loss of the second head's (B, 2 K), presence first, against (B, K) labels."""
        logits, severity_logits = outputs.chunk(2, dim=1)
        entropy, error = reasons_loss(logits, severity_logits, presence, severity)
        return self.weight * (entropy + error)
