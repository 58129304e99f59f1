"""Weights in half precision: half the size, the same file for every use (`--resume`, `--predict`, `-e`)."""

from pathlib import Path

from torch import nn

from deploy.module import ExportModule
from models import open_model
from models.spec import ModelSpec
from utils.checkpoint import save_checkpoint

TOLERANCE = 0.02  # of scores and logits: 11 bits of each weight are left


def write_half(module: nn.Module, spec: ModelSpec, path: Path) -> None:
    """Write the weights of an `ExportModule` as float16, with the spec and nothing of the training run."""
    state = {
        name: value.half() if value.is_floating_point() else value
        for name, value in module.network.state_dict().items()  # type: ignore[union-attr]
    }
    save_checkpoint(path, {"state_dict": state, "spec": spec.to_dict()})


def open_half(path: Path) -> tuple[ExportModule, ModelSpec]:
    """The network of such a file, computing in float32."""
    network, spec = open_model(path)
    return ExportModule(network, spec).eval(), spec
