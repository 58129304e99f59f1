"""The network as a file: pixels in, score and logits out."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from criterions.score import score
from models.normalise import Normalise
from models.reasons import split_outputs
from rankiqa.reasons import OF_REASONS
from rankiqa.spec import ModelSpec
from rankiqa.views import ELONGATED, STEP, whole_size

LARGE = 10_000  # pixels, more than any area needs
SIDES = {2: "height", 3: "width"}


OUTPUTS = ("score", "logits")


def output_names(spec: ModelSpec) -> list[str]:
    """Names of what an `ExportModule` of `spec` gives, in order."""
    return [*OUTPUTS, *(OF_REASONS if spec.reasons else ())]


class ExportModule(nn.Module):
    """Maps float32 RGB (N, 3, H, W) in [0, 1] to (score (N,), logits (N, num_classes)), normalising inside.

    With a second head: (score, logits, reasons (N, K), severities (N, K)), probabilities and severities.

    Args:
        network: in evaluation mode.
        spec: of its weights.
    """

    def __init__(self, network: nn.Module, spec: ModelSpec) -> None:
        super().__init__()
        self.normalise = Normalise(spec.mean, spec.std)
        self.network = network
        self.num_classes, self.families = spec.num_classes, len(spec.reasons)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        outputs = self.network(self.normalise(images))
        if not self.families:
            return score(outputs), outputs
        logits, second = split_outputs(outputs, self.num_classes)
        reasons, severities = second.float().sigmoid().split(self.families, dim=1)
        return score(logits), logits, reasons, severities


# Sides of the examples that a network with dynamic sizes is captured on: one that is square, or the same as
# another number of the graph, may be taken for a constant.
EXAMPLE = (96, 160)


def has_one_size(spec: ModelSpec) -> bool:
    """Whether converted files take images of one size; the others take any sides that are multiples of 32."""
    return spec.make_view().has_one_size


def dynamic_shapes(spec: ModelSpec) -> tuple[dict[int, Any]]:
    """What torch.export may not take for constants in the input (N, 3, H, W)."""
    from torch.export import Dim

    batch = {0: Dim("batch", min=1)}
    if has_one_size(spec):
        return (batch,)
    return ({**batch, **{axis: STEP * Dim(f"{name}_{STEP}", min=1) for axis, name in SIDES.items()}},)


def example_size(spec: ModelSpec) -> tuple[int, int]:
    """(height, width) of a usual input: that of a square image where images keep their aspect ratios."""
    if has_one_size(spec):
        return spec.image_size
    return whole_size(LARGE, LARGE, math.prod(spec.image_size))[0]


def other_sizes(spec: ModelSpec) -> list[tuple[int, int]]:
    """(height, width) of inputs of other aspect ratios, up to the longest, and of the smallest."""
    area = math.prod(spec.image_size)
    ratios = ((1.5, 1), (9 / 16, 1), (ELONGATED, 1))
    sizes = [whole_size(round(wide * LARGE), round(high * LARGE), area)[0] for wide, high in ratios]
    return [*sizes, (STEP, STEP), (STEP, 2 * STEP)]


def random_images(spec: ModelSpec, count: int) -> Tensor:
    """(count, 3, H, W) pixels in [0, 1], the same at every call; EXAMPLE where any size will do."""
    generator = torch.Generator().manual_seed(count)
    size = spec.image_size if has_one_size(spec) else EXAMPLE
    return torch.rand(count, 3, *size, generator=generator)
