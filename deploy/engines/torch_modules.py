"""PyTorch as an engine: checkpoints, TorchScript and torch.export files."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from deploy.module import ExportModule
from models.normalise import to_unit
from rankiqa.chunks import GPU
from rankiqa.spec import ModelSpec
from utils.errors import ConfigError, WeightsError

CHUNK = 4  # crops per forward: on CPUs more than this gains nothing, and a last chunk wastes less


class TorchEngine:
    """Runs a module that maps (B, 3, H, W) in [0, 1] to (score, logits).

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
    from models import create_model, fit_state
    from utils.checkpoint import load_checkpoint

    state = load_checkpoint(path)
    if "spec" not in state:
        raise WeightsError(
            f"{path}: holds weights without a ModelSpec; name the model by main.py --arch ... --resume {path}"
        )
    spec = ModelSpec.from_dict(state["spec"], str(path))
    network = create_model(spec.arch, spec.num_classes, spec.image_size)
    misfits = fit_state(network, state["state_dict"], str(path))
    if misfits:
        raise WeightsError(f"{misfits[0]}; the file contradicts its own ModelSpec")
    return ExportModule(network.eval(), spec).eval().to(device), spec
