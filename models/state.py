"""Stored weights: reading a file safely, and fitting what it holds into a network."""

from __future__ import annotations

import re
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.head import REASONS, SCALES, head_of
from utils.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor, nn

WRAPPERS = ("state_dict", "model")
PREFIXES = ("module.", "_orig_mod.")  # of DataParallel and of torch.compile
# names that torchvision's published files still use, and its own loaders translate
RENAMED = (
    (re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)"), r"\1\2"),
    (re.compile(r"\.mlp\.linear_1\."), ".mlp.0."),
    (re.compile(r"\.mlp\.linear_2\."), ".mlp.3."),
)
COUNTER = "num_batches_tracked"  # files from before PyTorch 0.4.1 lack it


def read_state(path: str | Path) -> dict[str, Tensor]:
    """The state dict inside a .pth file, on the CPU; it may lie in {"state_dict": ...} or {"model": ...}.

    Raises:
        WeightsError: the file is not there, broken, would have to run code, or holds something else.
    """
    from utils.checkpoint import read_safely

    return unwrap_state(read_safely(Path(path)), str(path))


def unwrap_state(content: Any, where: str) -> dict[str, Tensor]:
    """The state dict inside `content`, which came from `where`.

    Raises:
        WeightsError: there is none.
    """
    import torch

    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict) or not content:
        raise WeightsError(f"{where}: holds {type(content).__name__}, not a state dict of names and tensors")
    strange = [key for key, value in content.items() if not isinstance(value, torch.Tensor)]
    if strange:
        raise WeightsError(f"{where}: not a state dict, {_few(strange)} hold no tensors")
    return content


def fit_state(model: nn.Module, state: dict[str, Tensor], where: str) -> list[str]:
    """Load a state dict into `model`; return a notice if the head did not fit and was left out.

    Prefixes of DataParallel and torch.compile are dropped, and so are scales of data sets (`models.scales`).
    A state that raises leaves the model as it was.

    Args:
        where: the file that the state came from; it opens every message.

    Raises:
        WeightsError: anything but the head is missing, unexpected or of another shape.
    """
    own = model.state_dict()
    fitted = _renamed(state, own)
    for key in [key for key in fitted if f".{SCALES}." in key]:
        del fitted[key]  # of training alone: the ModelSpec says what they have become
    for key in own:
        if key.endswith(COUNTER):
            fitted.setdefault(key, own[key])
    notices = _keep_own_head(model, fitted, own, where)
    _require_fit(model, fitted, own, where)
    model.load_state_dict(fitted)
    return notices


def _renamed(state: dict[str, Tensor], own: dict[str, Tensor]) -> OrderedDict[str, Tensor]:
    """`state` under the names of the network, with the version marks that some modules insist on."""
    fitted: OrderedDict[str, Tensor] = OrderedDict()
    for name, tensor in state.items():
        key = _bare(name)
        if key not in own:
            for pattern, replacement in RENAMED:
                key = pattern.sub(replacement, key)
        fitted[key] = tensor
    stored = getattr(state, "_metadata", None) or {}
    marks = {_bare(f"{name}.").removesuffix("."): mark for name, mark in stored.items()}
    fitted._metadata = {**getattr(own, "_metadata", {}), **marks}  # type: ignore[attr-defined]
    return fitted


def _bare(name: str) -> str:
    while name.startswith(PREFIXES):
        name = name.split(".", 1)[1]
    return name


def without_reasons(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state dict without the weights of the second head (`models.reasons`)."""
    return {name: tensor for name, tensor in state.items() if f".{REASONS}." not in name}


def without_scales(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state dict without the scales of data sets (`models.scales`); the same one where it has none."""
    held = [name for name in state if f".{SCALES}." in name]
    return {name: tensor for name, tensor in state.items() if name not in held} if held else state


def _keep_own_head(
    model: nn.Module, fitted: dict[str, Tensor], own: dict[str, Tensor], where: str
) -> list[str]:
    """Put the network's own head into `fitted` where the stored one is not there or does not fit."""
    name, head = head_of(model)
    keys = [key for key in without_reasons(own) if key.startswith(f"{name}.")]
    stored = [fitted[key] for key in keys if key in fitted]
    if len(stored) == len(keys) and all(fitted[key].shape == own[key].shape for key in keys):
        return []
    fitted.update({key: own[key] for key in keys})
    what = f"a head of {stored[0].shape[0]} outputs" if stored and stored[0].dim() else "no head"
    return [f"{where}: it holds {what}, the network needs {head.out_features}; the head ({name}) starts anew"]


def _require_fit(model: nn.Module, fitted: dict[str, Tensor], own: dict[str, Tensor], where: str) -> None:
    other = [
        f"{key} ({tuple(fitted[key].shape)}, needs {tuple(own[key].shape)})"
        for key in own
        if key in fitted and fitted[key].shape != own[key].shape and not _adapts(model, key, fitted[key])
    ]
    errors = {
        "missing": [key for key in own if key not in fitted],
        "unexpected": [key for key in fitted if key not in own],
        "of another shape": other,
    }
    found = [f"{len(keys)} {kind}: {_few(keys)}" for kind, keys in errors.items() if keys]
    if found:
        raise WeightsError(
            f"{where}: not weights of this network ({type(model).__name__}); {'; '.join(found)}"
        )


def _adapts(model: nn.Module, key: str, tensor: Tensor) -> bool:
    adapts = getattr(model, "adapts_to", None)
    return adapts is not None and bool(adapts(key, tensor))


def _few(keys: list[str]) -> str:
    return ", ".join(map(str, keys[:3])) + (", ..." if len(keys) > 3 else "")
