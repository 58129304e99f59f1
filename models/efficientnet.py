"""EfficientNet B0 to B8 (Tan & Le 2019), through the package efficientnet_pytorch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.registry import register

if TYPE_CHECKING:
    from torch import nn

NAMES = tuple(f"efficientnet_b{size}" for size in range(9))


def _url(arch: str) -> str | None:
    from efficientnet_pytorch.utils import url_map

    return url_map.get(arch.replace("_", "-"))


def _advprop_url(arch: str) -> str | None:
    from efficientnet_pytorch.utils import url_map_advprop

    return url_map_advprop.get(arch.replace("_", "-"))


@register(*NAMES, url=_url, advprop_url=_advprop_url)
def build_efficientnet(arch: str, num_classes: int, image_size: tuple[int, int]) -> nn.Module:
    """The package's network; SiLU in place of its own swish, which is equal in value but can't be traced."""
    from efficientnet_pytorch import EfficientNet

    from models.same_padding import use_same_convolutions

    # image_size=None: else the package pads for the square size that the paper gives this network
    model = EfficientNet.from_name(arch.replace("_", "-"), num_classes=num_classes, image_size=None)
    model.set_swish(memory_efficient=False)
    use_same_convolutions(model)
    return model
