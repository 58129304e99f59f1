"""The architecture `tests/small`, for tests of what is done with a network, whatever network it is.

It has what runs must carry: convolutions, batch statistics, dropout, which draws, and a head of two layers.
Of tensors it has a tenth of mobilenet_v3_small's, whose loading and saving takes most of a tiny training.
"""

from pathlib import Path

from torch import Tensor, nn

from models.registry import SOURCES, Source, register_source, unknown_arch
from rankiqa.spec import IMAGENET_MEAN, IMAGENET_STD, Triple
from utils.errors import WeightsError

SMALL_ARCH = "tests/small"


class SmallNet(nn.Module):
    """(B, 3, H, W) -> logits (B, num_classes); `classifier.3` is the head."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(*(_block(*sizes) for sizes in ((3, 8, 2), (8, 16, 2), (16, 32, 1))))
        self.classifier = nn.Sequential(
            nn.Linear(32, 64), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(64, num_classes)
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.features(images).mean((2, 3)))


def _block(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.Hardswish())


class Tests(Source):
    """Networks that no program knows but those that import this module."""

    prefix = "tests/"

    def names(self) -> list[str]:
        return ["small"]

    def canonical(self, spelling: str) -> str:
        if spelling != "small":
            raise unknown_arch(self.prefix + spelling, [SMALL_ARCH])
        return spelling

    def create(self, name: str, num_classes: int, image_size: tuple[int, int]) -> nn.Module:
        return SmallNet(num_classes)

    def normalisation(self, name: str, pretrained: bool) -> tuple[Triple, Triple]:
        return IMAGENET_MEAN, IMAGENET_STD

    def load_published(
        self, model: nn.Module, name: str, wanted: Path, advprop: bool
    ) -> tuple[str, list[str]]:
        raise WeightsError(f"{SMALL_ARCH}: no weights are published")


if Tests.prefix not in SOURCES:
    register_source(Tests())
