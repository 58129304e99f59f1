"""The second head: which families of damage are visible, from the features that the score is computed of."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from models.head import REASONS, head_of
from models.standardised import StandardisedLinear

RARE = -2.0  # logit at which each family starts: most images show few of them


class ReasonsHead(StandardisedLinear):
    """One layer of its own statistics, so that it can learn while the score's head stays what it is.

    A layer between, of 128 units, was tried on frozen features and told families apart less well, see
    docs/experiments.md.

    Args:
        in_features: of the linear layer that gives the score.
        families: K.
    """

    def __init__(self, in_features: int, families: int) -> None:
        super().__init__(in_features, 2 * families)
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)
        nn.init.constant_(self.bias[:families], RARE)


def add_reasons(network: nn.Module, families: int) -> nn.Module:
    """Give `network`, in place, a second head: its output becomes (B, N + 2 K), the score's N logits first.

    The head is a child "reasons" of the layer that gives the score, and sees what that layer sees.

    Args:
        network: of `create_model`.
        families: K; 0 leaves the network as it is.
    """
    if families:
        head = head_of(network)[1]
        head.add_module(REASONS, ReasonsHead(head.in_features, families))
        head.register_forward_hook(_append)
    return network


def _append(head: nn.Module, inputs: tuple[Any, ...], logits: Tensor) -> Tensor:
    found = getattr(head, REASONS)(inputs[0])
    return torch.cat([logits, found.to(logits.dtype)], dim=-1)


def reasons_head(network: nn.Module) -> nn.Module | None:
    """The second head of `network`, where it has one."""
    return getattr(head_of(network)[1], REASONS, None)


def split_outputs(outputs: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """The output (B, N + 2 K) of a network as logits (B, N) and the second head's (B, 2 K); K may be 0."""
    return outputs[:, :num_classes], outputs[:, num_classes:]
