"""The network as a file: pixels in, score and logits out."""

import torch
from torch import Tensor, nn

from criterions.score import score
from models.normalise import Normalise
from rankiqa.spec import ModelSpec


class ExportModule(nn.Module):
    """Maps float32 RGB (N, 3, H, W) in [0, 1] to (score (N,), logits (N, num_classes)), normalising inside.

    Args:
        network: in evaluation mode.
        spec: of its weights.
    """

    def __init__(self, network: nn.Module, spec: ModelSpec) -> None:
        super().__init__()
        self.normalise = Normalise(spec.mean, spec.std)
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        logits = self.network(self.normalise(images))
        return score(logits), logits


def random_images(spec: ModelSpec, count: int) -> Tensor:
    """(count, 3, H, W) pixels in [0, 1], the same at every call."""
    generator = torch.Generator().manual_seed(count)
    return torch.rand(count, 3, *spec.image_size, generator=generator)
