"""PyTorch as an engine: checkpoints, TorchScript and torch.export files."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from deploy.engines.scorer import CHUNK
from deploy.module import ExportModule
from models.normalise import to_unit
from models.spec import ModelSpec
from utils.chunks import GPU
from utils.errors import ConfigError


class TorchEngine:
    """Runs a module that maps (B, 3, H, W) in [0, 1] to (score, logits).

    Args:
        module: in evaluation mode, on `device`.
        device: "cpu" or "cuda".
        name: of the kind of file.
    """

    def __init__(self, module: Any, device: str = "cpu", name: str = "torch") -> None:
        self.module, self.name, self.device = module, name, device
        self.chunk = CHUNK if device == "cpu" else GPU

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        """See Engine."""
        pixels = torch.from_numpy(np.ascontiguousarray(crops))
        if self.device != "cpu":
            pixels = pixels.pin_memory()  # bytes travel, and only page-locked ones beside the work
        with torch.inference_mode():
            images = to_unit(pixels.to(self.device, non_blocking=True))
            return self.module(images)[1].float().cpu().numpy()


def require_device(device: str) -> None:
    """Raise ConfigError unless `device` is "cpu" or a "cuda" that is there."""
    kind = device.split(":")[0]
    if kind not in ("cpu", "cuda"):
        raise ConfigError(f"device {device!r} is neither cpu nor cuda")
    if kind == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device cuda: there is no GPU that this torch can use; take device cpu")


def open_checkpoint(path: Path, device: str = "cpu") -> tuple[ExportModule, ModelSpec]:
    """The network of a checkpoint and its spec, from the file alone.

    Raises:
        WeightsError: not there, damaged, or without a ModelSpec.
    """
    from models import open_model

    network, spec = open_model(path)
    return ExportModule(network, spec).eval().to(device), spec
