"""Checkpoints, opened in any precision and written in half precision."""

from pathlib import Path

from torch import nn

from deploy.module import ExportModule
from models import open_model
from rankiqa.spec import ModelSpec
from utils.checkpoint import save_checkpoint


def write(module: nn.Module, spec: ModelSpec, path: Path) -> None:
    """Write the weights of an `ExportModule` as float16, with the spec and nothing of the training run."""
    state = {
        name: value.half() if value.is_floating_point() else value
        for name, value in module.network.state_dict().items()  # type: ignore[union-attr]
    }
    save_checkpoint(path, {"state_dict": state, "spec": spec.to_dict()})


def open_file(path: Path, device: str = "cpu") -> tuple[ExportModule, ModelSpec]:
    """The network of a checkpoint and its spec, from the file alone.

    Raises:
        WeightsError: not there, damaged, or without a ModelSpec.
    """
    network, spec = open_model(path)
    return ExportModule(network, spec).eval().to(device), spec
