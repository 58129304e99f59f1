"""Vision Transformer (Dosovitskiy et al. 2021) of torchvision, for any size of input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.registry import register
from models.torchvision_source import torchvision_url

if TYPE_CHECKING:
    from torch import nn

# patch size, layers, heads, width, width of the hidden layer
SHAPES = {
    "vit_b_16": (16, 12, 12, 768, 3072),
    "vit_b_32": (32, 12, 12, 768, 3072),
    "vit_l_16": (16, 24, 16, 1024, 4096),
    "vit_l_32": (32, 24, 16, 1024, 4096),
    "vit_h_14": (14, 32, 16, 1280, 5120),
}


@register(*SHAPES, url=torchvision_url)
def build_vit(arch: str, num_classes: int, image_size: tuple[int, int]) -> nn.Module:
    """torchvision's network with its position table resampled for `image_size`; equal to it at 224 x 224."""
    from models.vit_any_size import AnySizeViT

    return AnySizeViT(image_size, *SHAPES[arch], num_classes=num_classes)
