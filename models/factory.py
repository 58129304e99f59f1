"""From the name of an architecture to a network and the colours it expects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.registry import SOURCES, canonical_arch, source_of
from rankiqa.spec import HALF, Triple
from utils.errors import ArchError

if TYPE_CHECKING:
    from torch import nn

SMALLEST = 32  # every family halves its input five times
ANY_SIZES = ((2 * SMALLEST, 3 * SMALLEST), (5 * SMALLEST, SMALLEST))  # none of them is usual


def create_model(arch: str, num_classes: int = 1, image_size: tuple[int, int] = (224, 224)) -> nn.Module:
    """A randomly initialised network: normalised images (B, 3, H, W) -> logits (B, num_classes).

    Args:
        arch: a name in any spelling that `canonical_arch` takes.
        num_classes: width of the library's own classifier, at least 1.
        image_size: (height, width) of the input. Networks with a fixed grid are built for it.

    Raises:
        ArchError: an unknown name, or a size or number of classes that the network can't take.
    """
    from models.batch_norm import patient

    arch = canonical_arch(arch)
    if num_classes < 1:
        raise ArchError(f"{arch}: num_classes is {num_classes}, but a network needs at least 1")
    height, width = image_size
    if min(height, width) < SMALLEST:
        raise ArchError(
            f"{arch}: image_size {height} {width} is too small, both sides need at least {SMALLEST} pixels"
        )
    source, name = source_of(arch)
    return patient(source.create(name, num_classes, (height, width)))


def takes_any_size(network: nn.Module) -> bool:
    """Whether a network maps images of several heights and widths, multiples of SMALLEST, to logits."""
    import torch

    training = network.training
    try:
        with torch.no_grad():
            for height, width in ANY_SIZES:
                network.eval()(torch.zeros(1, 3, height, width))
    except (AssertionError, RuntimeError, TypeError, ValueError):  # timm's and torchvision's own checks
        return False
    finally:
        network.train(training)
    return True


def normalisation(arch: str, pretrained: bool = False, advprop: bool = False) -> tuple[Triple, Triple]:
    """(mean, std) of RGB in [0, 1] for an architecture.

    ImageNet's; 0.5 and 0.5 (x * 2 - 1) for AdvProp (Xie et al. 2020), EfficientNet-Lite, efficientnet_v2_l;
    for timm what its weights were trained with, if they are used.

    Raises:
        ArchError: an unknown name, or `advprop` for an architecture that has no such weights.
    """
    arch = canonical_arch(arch)
    if advprop:
        require_advprop(arch)
        return HALF, HALF
    source, name = source_of(arch)
    return source.normalisation(name, pretrained)


def require_advprop(arch: str) -> None:
    """Check that a canonical name has AdvProp weights.

    Raises:
        ArchError: it has none; the message lists those that have.
    """
    source, name = source_of(arch)
    if not source.has_advprop(name):
        have = [name for name in SOURCES[""].names() if SOURCES[""].has_advprop(name)]
        raise ArchError(f"--advprop needs {have[0]} to {have[-1]}, but the architecture is {arch}")
