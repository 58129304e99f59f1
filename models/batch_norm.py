"""Batch normalisation that takes a batch of one value a channel, and statistics that are taken anew."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _Patient(nn.modules.batchnorm._BatchNorm):
    """Batch normalisation that falls back on its running statistics where a channel has one value.

    A batch of one image, such as a short last one, leaves one value a channel where the map is 1x1: after
    global pooling (ResNeSt's split attention), or at the end of a small input. One value has no variance, and
    PyTorch's own raises. The running statistics stay what they are.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C) or (B, C, H, W) -> the same shape."""
        if self.training and x.numel() == x.shape[1]:
            return F.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
            )
        return super().forward(x)


class PatientBatchNorm1d(_Patient, nn.BatchNorm1d):
    """BatchNorm1d of (B, C) that takes a batch of one."""


class PatientBatchNorm2d(_Patient, nn.BatchNorm2d):
    """BatchNorm2d that takes a batch of one value a channel."""


def patient(network: nn.Module) -> nn.Module:
    """`network` with each plain BatchNorm2d made patient, in place; parameters and names stay.

    timm's own subclasses, which fuse an activation, are left alone.
    """
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = PatientBatchNorm2d
    return network


@torch.no_grad()
def renew_statistics(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Take the running statistics of all batch normalisations anew, in place: the mean over `batches`.

    The mean of several models needs it (Izmailov et al. 2018, Averaging Weights Leads to Wider Optima,
    section 3.2). Unlike `torch.optim.swa_utils.update_bn`, dropout and dropped paths stay off, as in use.

    Args:
        network: in evaluation mode; it stays in it.
        batches: normalised images (B, 3, H, W), of one B.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative mean
        norm.train()
    for batch in batches:
        network(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
