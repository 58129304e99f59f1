"""Does a written file say the same as the network that it was written from?"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from deploy.module import random_images
from rankiqa.spec import ModelSpec

Outputs = tuple[Tensor, Tensor]
Run = Callable[[Tensor], Outputs]
TOLERANCE = 1e-4  # in units of the score and of the logits
IMAGES_A_BATCH = 4


def check_batches(spec: ModelSpec, images: Tensor | None) -> list[Tensor]:
    """What a file is compared on: noise in batches of 1 and 7, and real crops (M, 3, H, W) in [0, 1]."""
    batches = [random_images(spec, 1), random_images(spec, 7)]
    if images is not None:
        batches += list(images.split(IMAGES_A_BATCH))
    return batches


def outputs_of(run: Run, batches: Iterable[Tensor]) -> list[Outputs]:
    """(score, logits) of every batch."""
    with torch.inference_mode():
        return [run(batch) for batch in batches]


def largest_difference(run: Run, batches: list[Tensor], expected: list[Outputs]) -> float:
    """The largest difference of scores and logits; inf where something is not finite or misshapen."""
    worst = 0.0
    for mine, theirs in zip(outputs_of(run, batches), expected, strict=True):
        for got, wanted in zip(mine, theirs, strict=True):
            if got.shape != wanted.shape:
                return float("inf")
            difference = float((got.float() - wanted.float()).abs().max())
            worst = max(worst, difference) if difference == difference else float("inf")
    return worst
