"""Architectures for tests of what is done with a network, whatever network it is.

`tests/small` has what runs must carry: convolutions, batch statistics, dropout, which draws, and two layers
behind the features. In `tests/steady` images don't meet and nothing draws: what remains is arithmetic.
Of tensors they have a tenth of mobilenet_v3_small's, whose loading and saving takes most of a tiny training.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from torch import Tensor, nn

from models.registry import SOURCES, Source, register_source, unknown_arch
from rankiqa.spec import IMAGENET_MEAN, IMAGENET_STD, Triple
from utils.errors import WeightsError

SMALL_ARCH, STEADY_ARCH = "tests/small", "tests/steady"
NORMS: dict[str, Callable[[int], nn.Module]] = {"small": nn.BatchNorm2d, "steady": partial(nn.GroupNorm, 4)}


class SmallNet(nn.Module):
    """(B, 3, H, W) -> logits (B, num_classes); `classifier.3` is the head."""

    def __init__(self, name: str, num_classes: int) -> None:
        super().__init__()
        sizes = ((3, 8, 2), (8, 16, 2), (16, 32, 1))
        self.features = nn.Sequential(*(_block(*size, NORMS[name]) for size in sizes))
        dropout = nn.Dropout(0.2 if name == "small" else 0)
        self.classifier = nn.Sequential(
            nn.Linear(32, 64), nn.Hardswish(), dropout, nn.Linear(64, num_classes)
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.features(images).mean((2, 3)))


def _block(inputs: int, outputs: int, stride: int, norm: Callable[[int], nn.Module]) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, norm(outputs), nn.Hardswish())


class Tests(Source):
    """Networks that no program knows but those that import this module."""

    prefix = "tests/"

    def names(self) -> list[str]:
        return list(NORMS)

    def canonical(self, spelling: str) -> str:
        if spelling not in NORMS:
            raise unknown_arch(self.prefix + spelling, [SMALL_ARCH, STEADY_ARCH])
        return spelling

    def create(self, name: str, num_classes: int, image_size: tuple[int, int]) -> nn.Module:
        return SmallNet(name, num_classes)

    def normalisation(self, name: str, pretrained: bool) -> tuple[Triple, Triple]:
        return IMAGENET_MEAN, IMAGENET_STD

    def load_published(
        self, model: nn.Module, name: str, wanted: Path, advprop: bool
    ) -> tuple[str, list[str]]:
        raise WeightsError(f"{self.prefix}{name}: no weights are published")


if Tests.prefix not in SOURCES:
    register_source(Tests())
