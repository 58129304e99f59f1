"""A linear layer that brings its features to one scale itself."""

from torch import Tensor, nn
from torch.nn import functional as F

from models.batch_norm import PatientBatchNorm1d


class StandardisedLinear(nn.Linear):
    """A linear layer on features that are brought to mean 0 and variance 1 / in_features each.

    The scale keeps a step of Adam, which moves all weights alike, from moving the output by more than the
    step of a usual head, however many features there are.
    """

    def __init__(self, in_features: int, out_features: int, dropout: float = 0.0) -> None:
        super().__init__(in_features, out_features)
        self.norm = PatientBatchNorm1d(in_features, affine=False)
        self.dropout = dropout

    def forward(self, features: Tensor) -> Tensor:
        """(B, in_features) -> (B, out_features)."""
        scaled = self.norm(features) * self.in_features**-0.5
        return super().forward(F.dropout(scaled, self.dropout, self.training))
