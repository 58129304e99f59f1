"""ResNeSt (Zhang et al. 2020) and its "fast" ablations, through the package resnest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.families import register

if TYPE_CHECKING:
    from torch import nn

NAMES = (
    "resnest50",
    "resnest101",
    "resnest200",
    "resnest269",
    "resnest50_fast_1s1x64d",
    "resnest50_fast_2s1x64d",
    "resnest50_fast_4s1x64d",
    "resnest50_fast_1s2x40d",
    "resnest50_fast_2s2x40d",
    "resnest50_fast_4s2x40d",
    "resnest50_fast_1s4x24d",
)


def _url(arch: str) -> str | None:
    from resnest.torch import ablation, resnest

    return {**resnest.resnest_model_urls, **ablation.resnest_model_urls}.get(arch)


@register(*NAMES, url=_url)
def build_resnest(arch: str, num_classes: int, image_size: tuple[int, int]) -> nn.Module:
    """The package's network."""
    import resnest.torch

    return getattr(resnest.torch, arch)(num_classes=num_classes)
