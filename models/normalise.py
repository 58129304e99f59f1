"""The one place where pixels become the numbers that weights were trained on."""

import torch
from torch import Tensor, nn


class Normalise(nn.Module):
    """Maps float RGB (B, 3, H, W) in [0, 1] to (x - mean) / std.

    Args:
        mean, std: of each colour, in [0, 1].
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, float, float], std: tuple[float, float, float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 3, H, W)."""
        return (images - self.mean) / self.std


def to_unit(images: Tensor) -> Tensor:
    """uint8 pixels as float32 in [0, 1]."""
    return images.float() / 255.0


class NormalisePixels(Normalise):
    """`Normalise` of uint8 pixels (B, 3, H, W) as views give them."""

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> float32 (B, 3, H, W)."""
        return super().forward(to_unit(images))


def place(network: nn.Module, device: str, channels_last: bool = True) -> nn.Module:
    """`network` on `device`, its weights laid out as convolutions are fastest; inputs follow weights."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return network.to(device).to(memory_format=layout)
