"""From a checkpoint to its network and ModelSpec; imports torch at the first call only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.factory import create_model
from models.state import fit_state
from rankiqa.spec import ModelSpec
from utils.errors import WeightsError

if TYPE_CHECKING:
    from torch import nn


def open_model(path: Path) -> tuple[nn.Module, ModelSpec]:
    """The network of a checkpoint, in evaluation mode on the CPU, and its spec, from the file alone.

    Raises:
        WeightsError: not there, damaged, without a ModelSpec, or with weights that do not fit it.
    """
    from utils.checkpoint import load_checkpoint

    state = load_checkpoint(path)
    if "spec" not in state:
        raise WeightsError(
            f"{path}: holds weights without a ModelSpec; name the model by main.py --arch ... --resume {path}"
        )
    network, spec = load_model(state, str(path))
    return network.eval(), spec


def create_network(spec: ModelSpec) -> nn.Module:
    """A randomly initialised network of `spec`: `create_model`, with a second head where it has reasons."""
    from models.reasons import add_reasons

    network = create_model(spec.arch, spec.num_classes, spec.image_size)
    return add_reasons(network, len(spec.reasons))


def load_model(
    state: dict[str, Any],
    where: str,
    spec: ModelSpec | None = None,
    advice: str = "the file contradicts its own ModelSpec",
) -> tuple[nn.Module, ModelSpec]:
    """The network of the content of a checkpoint, on the CPU in training mode, and its spec.

    Args:
        state: what `load_checkpoint` gives.
        where: the file; it opens every message.
        spec: in place of the one that `state` holds.
        advice: what follows the message where the head does not fit.

    Raises:
        WeightsError: `state` holds no ModelSpec, or weights that do not fit it.
    """
    spec = ModelSpec.from_dict(state.get("spec", {}), where) if spec is None else spec
    network = create_network(spec)
    misfits = fit_state(network, state["state_dict"], where)
    if misfits:
        raise WeightsError(f"{misfits[0]}; {advice}")
    return network, spec
