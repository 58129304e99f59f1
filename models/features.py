"""Features of a network: what its last layer turns into logits."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from models.head import head_of
from utils.errors import ArchError


class FeatureExtractor(nn.Module):
    """Gives the input of the last layer of `network` (see `head_of`), in place of its output.

    Args:
        network: of `create_model`, whose weights and modes this shares.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._network = network
        self._seen: tuple[Tensor, Tensor] | None = None

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W), normalised -> (B, F).

        Raises:
            ArchError: the last layer is not given one vector per image, or its output is changed afterwards.
        """
        handle = head_of(self._network)[1].register_forward_hook(self._keep)
        try:
            output = self._network(images)
        finally:
            handle.remove()
        seen, self._seen = self._seen, None
        if seen is None or seen[0].ndim != 2 or seen[1].data_ptr() != output.data_ptr():
            raise ArchError(
                f"{type(self._network).__name__}: its last layer alone does not turn features into scores"
            )
        return seen[0]

    def _keep(self, _: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        self._seen = (inputs[0], output)
