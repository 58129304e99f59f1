"""Scorers: a model file and pictures in, scores out, with nothing else to be known."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from criterions.score import average_patches, score
from dataloader.views import View
from deploy.torchscript import open_torchscript
from models.normalise import to_unit
from models.spec import ModelSpec
from utils.errors import WeightsError

CHUNK = 8  # crops a forward


@dataclass(frozen=True)
class Scores:
    """What a scorer says of M pictures.

    Attributes:
        scores: float32 (M,), higher = better.
        probs: float32 (M, N), the distribution over the ratings 1..N; None for N = 1.
    """

    scores: Tensor
    probs: Tensor | None


class Scorer:
    """Turns pictures into scores by the view that the file carries.

    Args:
        module: maps (B, 3, H, W) in [0, 1] to (score, logits).
        spec: from the same file.
        device: where `module` lies.
    """

    def __init__(self, module: Any, spec: ModelSpec, device: str = "cpu") -> None:
        self.spec = spec
        self._module, self._device = module, device
        self._view = View(spec.view, spec.image_size, spec.patches)

    def score(self, images: Sequence[Image.Image]) -> Scores:
        """The scores of 8-bit RGB pictures of any size."""
        crops = torch.stack([self._view.evaluate(image) for image in images])  # (M, P, 3, H, W)
        flat = crops.flatten(0, 1).to(self._device)
        with torch.inference_mode():
            logits = torch.cat([self._module(to_unit(part))[1] for part in flat.split(CHUNK)])
        logits = average_patches(logits.unflatten(0, crops.shape[:2])).cpu()
        return Scores(score(logits), logits.softmax(dim=1) if logits.shape[1] > 1 else None)


def load_scorer(path: str | Path, device: str = "cpu", threads: int | None = None) -> Scorer:
    """A scorer from a model file alone.

    Args:
        path: a TorchScript file (.pt) that `main.py --jit` wrote.
        device: "cpu" or "cuda".
        threads: of the CPU; None leaves the choice to torch.

    Raises:
        WeightsError: the file is not there, damaged, or of a kind that no engine opens.
    """
    if Path(path).suffix != ".pt":
        raise WeightsError(
            f"{path}: no engine opens {Path(path).suffix or 'such'} files; .pt is what --jit writes"
        )
    if threads is not None:
        torch.set_num_threads(threads)
    module, spec = open_torchscript(path, device)
    return Scorer(module, spec, device)
