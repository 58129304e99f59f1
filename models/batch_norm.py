"""Batch normalisation that takes a batch of one value a channel."""

import torch.nn.functional as F
from torch import Tensor, nn


class PatientBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm2d that falls back on its running statistics where a channel has one value.

    ResNeSt normalises inside its split attention, after global pooling: a training batch of one image leaves
    one value a channel there, which has no variance, and BatchNorm2d raises. The running statistics stay.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        if self.training and x.numel() == x.shape[1]:
            return F.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
            )
        return super().forward(x)
