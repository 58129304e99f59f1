"""torchvision as the source of networks and weights; loads it at the first call only."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def build_torchvision(arch: str, num_classes: int, image_size: tuple[int, int]) -> nn.Module:
    """torchvision's network of that name, randomly initialised, with its classifier of `num_classes` outputs.

    For families that take any size from 32 x 32 as they are: convolutions, and Swin, which pads its windows.
    """
    import torchvision

    return torchvision.models.get_model(arch, weights=None, num_classes=num_classes)


def torchvision_url(arch: str) -> str | None:
    """Address of torchvision's best ImageNet weights for `arch`, or None where it publishes none."""
    import torchvision

    weights = getattr(torchvision.models.get_model_weights(arch), "DEFAULT", None)
    return None if weights is None else weights.url
