"""Scales of data sets while a network learns: maps from its score to the MOS of each set, learnt with it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from criterions.score import score
from models.head import SCALES, head_of

PACE = 10.0  # times as far as a weight does a map move per step of Adam: sets may lie far apart


class SetScales(nn.Module):
    """K increasing maps from the score to the standardised MOS of each set, at first z = (s - centre) / unit.

    Each learns a shift and a gain:
    z = PACE * shift + exp(PACE * gain) * (s - centre) / unit.

    Args:
        means, deviations: (K,) of the MOS of each set.
        centre, unit: of scores, where z is 0 at first and how far 1 is.
    """

    mean: Tensor
    deviation: Tensor
    centre: Tensor
    unit: Tensor

    def __init__(self, means: Tensor, deviations: Tensor, centre: float = 0.0, unit: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("mean", means.clone())
        self.register_buffer("deviation", deviations.clone())
        self.register_buffer("centre", torch.full_like(means, centre))
        self.register_buffer("unit", torch.full_like(means, unit))
        self.shift = nn.Parameter(torch.zeros_like(means))
        self.gain = nn.Parameter(torch.zeros_like(means))

    def forward(self, scores: Tensor) -> Tensor:
        """(B,) scores -> (B, K) standardised MOS on the scale of each set."""
        plain = (scores[:, None] - self.centre) / self.unit
        return PACE * self.shift + (PACE * self.gain).exp() * plain

    def as_maps(self) -> list[dict[str, float]]:
        """K maps offset + slope * score to MOS, as `rankiqa.scales` has them."""
        with torch.no_grad():
            values = [value.double().cpu() for value in (*self.buffers(), *self.parameters())]
            mean, deviation, centre, unit, shift, gain = values
            slope = deviation * (PACE * gain).exp() / unit
            offset = mean + deviation * PACE * shift - slope * centre
        columns = {"offset": offset, "slope": slope, "deviation": deviation}
        return [{name: float(column[k]) for name, column in columns.items()} for k in range(len(mean))]


def add_scales(network: nn.Module, scales: SetScales) -> None:
    """Let `network`, in place, give K more columns while `scales` are in training mode: what they make of it.

    They are a child "scales" of the layer that gives the score. In evaluation mode the network gives what it
    gave before. Add a second head (`models.reasons`) first.
    """
    head = head_of(network)[1]
    head.add_module(SCALES, scales)
    head.register_forward_hook(_append)


def _append(head: nn.Module, _inputs: tuple[Any, ...], outputs: Tensor) -> Tensor:
    scales = getattr(head, SCALES)
    if not scales.training:
        return outputs
    found = scales(score(outputs[:, : head.out_features]))
    return torch.cat([outputs, found.to(outputs.dtype)], dim=-1)


def scales_of(network: nn.Module) -> SetScales | None:
    """The scales that were added to `network`."""
    return getattr(head_of(network)[1], SCALES, None)


def split_scales(outputs: Tensor, sets: int) -> tuple[Tensor, Tensor]:
    """What a network with K = `sets` scales gives while it learns: all else, and (B, K) scores on them."""
    end = outputs.shape[1] - sets
    return outputs[:, :end], outputs[:, end:]
