"""PyTorch as an engine: checkpoints, TorchScript and torch.export files."""

from typing import Any

import numpy as np
import torch

from models.normalise import to_unit
from rankiqa.chunks import GPU
from utils.errors import ConfigError

CHUNK = 4  # crops per forward: on CPUs more than this gains nothing, and a last chunk wastes less


class TorchEngine:
    """Runs a module that maps (B, 3, H, W) in [0, 1] to the outputs of an `ExportModule`.

    Args:
        module: in evaluation mode, on `device`.
        device: "cpu" or "cuda".
        name: of the kind of file.
    """

    def __init__(self, module: Any, device: str = "cpu", name: str = "torch") -> None:
        self.module, self.name, self.device = module, name, device
        self.chunk, self.streams = CHUNK if device == "cpu" else GPU, 1

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        """See Engine."""
        pixels = torch.from_numpy(np.ascontiguousarray(crops))
        if self.device != "cpu":
            pixels = pixels.pin_memory()  # bytes travel, and only page-locked ones beside the work
        with torch.inference_mode():
            _, logits, *second = self._outputs(pixels)
            outputs = torch.cat([logits, *second], dim=1) if second else logits
            return outputs.float().cpu().numpy()

    def outputs(self, crops: np.ndarray) -> tuple[np.ndarray, ...]:
        """uint8 RGB (B, 3, H, W) -> (score (B,), logits (B, N)), and what else the file gives, as it does."""
        with torch.inference_mode():
            score, *others = self._outputs(torch.from_numpy(np.ascontiguousarray(crops)))
            return score.cpu().numpy(), *(other.float().cpu().numpy() for other in others)

    def _outputs(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.module(to_unit(pixels.to(self.device, non_blocking=True)))


def require_device(device: str) -> None:
    """Raise ConfigError unless `device` is "cpu" or a "cuda" that is there."""
    kind = device.split(":")[0]
    if kind not in ("cpu", "cuda"):
        raise ConfigError(f"device {device!r} is neither cpu nor cuda")
    if kind == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device cuda: there is no GPU that this torch can use; take device cpu")
