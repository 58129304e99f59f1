"""torchvision's VisionTransformer, freed of its one square input size."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.models import VisionTransformer

TABLE_KEY = "encoder.pos_embedding"


class AnySizeViT(VisionTransformer):
    """VisionTransformer for inputs of one (height, width), with the state dict of the 224 x 224 network.

    Inputs are padded with zeros (the mean colour) at the bottom and right to whole patches. The position
    table keeps the grid it was trained on, and is resampled bicubically to the grid of the input in every
    forward pass, so that weights fit whatever the size; at the table's own grid nothing is resampled.

    Resampling is two products with fixed matrices: `interpolate` has no deterministic gradient on GPUs, and
    branches on a size would be frozen in a traced network.
    """

    rows: Tensor | None
    columns: Tensor | None

    def __init__(
        self,
        size: tuple[int, int],
        patch: int,
        layers: int,
        heads: int,
        width: int,
        hidden: int,
        num_classes: int,
    ):
        super().__init__(224, patch, layers, heads, width, hidden, num_classes=num_classes)
        self.size = size
        self._set_grid()

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, height, width) -> logits (B, num_classes)."""
        if not torch.jit.is_tracing() and tuple(x.shape[2:]) != self.size:
            raise ValueError(f"this network was built for inputs of {self.size}, not {tuple(x.shape[2:])}")
        height, width = self.size
        x = self.conv_proj(F.pad(x, (0, -width % self.patch_size, 0, -height % self.patch_size)))
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(x.shape[0], -1, -1), x], dim=1) + self._positions()
        x = self.encoder.ln(self.encoder.layers(self.encoder.dropout(x)))
        return self.heads(x[:, 0])

    def _positions(self) -> Tensor:
        """The position table (1, 1 + rows * columns, width) on the grid of the input, class token first."""
        table = self.encoder.pos_embedding
        if self.rows is None or self.columns is None:
            return table
        side = self.rows.shape[1]
        grid = table[:, 1:].unflatten(1, (side, side)).permute(0, 3, 1, 2)
        grid = self.rows @ grid @ self.columns.T
        return torch.cat([table[:, :1], grid.flatten(2).transpose(1, 2)], dim=1)

    def _set_grid(self) -> None:
        side = math.isqrt(self.encoder.pos_embedding.shape[1] - 1)
        rows, columns = (math.ceil(length / self.patch_size) for length in self.size)
        here = self.encoder.pos_embedding.device
        same = (rows, columns) == (side, side)
        self.register_buffer("rows", None if same else _bicubic(side, rows).to(here), persistent=False)
        self.register_buffer("columns", None if same else _bicubic(side, columns).to(here), persistent=False)

    def adapts_to(self, key: str, tensor: Tensor) -> bool:
        """Whether `load_state_dict` takes `tensor` under `key` although it is of another shape."""
        shape, width = tuple(tensor.shape), self.hidden_dim
        if key != TABLE_KEY or len(shape) != 3 or (shape[0], shape[2]) != (1, width) or shape[1] < 2:
            return False
        return math.isqrt(shape[1] - 1) ** 2 == shape[1] - 1

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Take over the grid of a stored table, such as the 37 x 37 of vit_h_14's weights."""
        table = state_dict.get(prefix + TABLE_KEY)
        if table is not None and self.adapts_to(TABLE_KEY, table):
            own = self.encoder.pos_embedding
            own.data = own.data.new_empty(table.shape)
            self._set_grid()
        super()._load_from_state_dict(state_dict, prefix, *args)


def _bicubic(inputs: int, outputs: int) -> Tensor:
    """The matrix (outputs, inputs) of bicubic resampling along one axis."""
    unit = torch.eye(inputs)[None, :, :, None]
    return F.interpolate(unit, size=(outputs, 1), mode="bicubic")[0, :, :, 0].T.contiguous()
