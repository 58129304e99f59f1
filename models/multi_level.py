"""Multi-level features: EfficientNet-Lite whose head sees the mean and deviation of the maps of every block.

Early layers keep what the later ones learn to overlook, because it doesn't change what an image shows:
brightness, noise, the strength of edges. Deep layers know the scene that these must be judged by.
"""

from __future__ import annotations

from typing import cast

import torch
from efficientnet_pytorch import EfficientNet
from efficientnet_pytorch.utils import BlockArgs, GlobalParams
from torch import Tensor

from models.standardised import StandardisedLinear

FLAT = 1e-6  # added to a variance, so that the deviation of a flat map has a gradient


class MultiLevel(EfficientNet):
    """`EfficientNet` with a `StandardisedLinear` on the moments of all blocks.

    State dicts have the keys of the plain network, and `_fc.norm.*`.

    Args:
        stages: of the network, before they are repeated.
        options: of the network. Blocks are never left out (no stochastic depth): the moments of a block that
            is left out are not those that the head was fitted to.
    """

    def __init__(self, stages: list[BlockArgs], options: GlobalParams) -> None:
        super().__init__(stages, options._replace(drop_connect_rate=0.0))
        widths = [block._block_args.output_filters for block in self._blocks]
        self._fc: StandardisedLinear = StandardisedLinear(
            2 * (sum(widths) + self._conv_head.out_channels), options.num_classes, options.dropout_rate
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, num_classes)."""
        maps = self._swish(self._bn0(self._conv_stem(inputs)))
        features = []
        for block in self._blocks:
            maps = block(maps)
            features.append(moments(maps))
        features.append(moments(self._swish(self._bn1(self._conv_head(maps)))))
        return cast(Tensor, self._fc(torch.cat(features, dim=1)))


def moments(maps: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, 2 C): mean and deviation of each channel over its map, in float32 or more."""
    maps = maps.float() if maps.dtype.itemsize < 4 else maps
    mean = maps.mean((2, 3), keepdim=True)
    variance = (maps - mean).square().mean((2, 3))
    return torch.cat([mean.flatten(1), (variance + FLAT).sqrt()], dim=1)
