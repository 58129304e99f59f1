"""Checkpoints: opened in any precision; written in half of it, for every use (`--resume`, `--predict`, `-e`)."""

from pathlib import Path

from torch import nn

from deploy.module import ExportModule
from models import create_model, fit_state
from rankiqa.spec import ModelSpec
from utils.checkpoint import load_checkpoint, save_checkpoint
from utils.errors import WeightsError


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
