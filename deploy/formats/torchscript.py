"""TorchScript files that carry their ModelSpec."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from deploy.formats.traced_code import refuse_code
from deploy.module import random_images
from rankiqa.engines.file_kinds import what_is
from rankiqa.spec import ModelSpec
from utils.errors import ExportError, WeightsError

SPEC_ENTRY = "model_spec.json"


def write(module: nn.Module, spec: ModelSpec, path: Path) -> None:
    """Write a trace of `module`, on the CPU and in evaluation mode, with `spec`.

    Raises:
        ExportError: the network can't be traced.
    """
    try:
        with torch.no_grad(), _quiet():
            traced = torch.jit.trace(module, random_images(spec, 2), check_trace=False)
    except (RuntimeError, torch.jit.TracingCheckError) as error:
        raise ExportError(f"{spec.arch} can't be traced ({str(error).splitlines()[0]})") from error
    with _quiet():
        torch.jit.save(traced, str(path), _extra_files={SPEC_ENTRY: spec.to_json()})


def open_file(path: str | Path, device: str = "cpu") -> tuple[torch.jit.ScriptModule, ModelSpec]:
    """The module and its spec, from the file alone.

    Raises:
        WeightsError: not there, not TorchScript, without a ModelSpec, or with what could run code.
    """
    if not Path(path).is_file():
        raise WeightsError(f"{path}: no such file")
    extra = {SPEC_ENTRY: ""}
    try:
        refuse_code(Path(path))
        with _quiet():
            module = torch.jit.load(str(path), map_location=device, _extra_files=extra)
        if device != "cpu":
            _move_constants(module, device)
    except (RuntimeError, ValueError) as error:
        plain = f"not a TorchScript file ({str(error).splitlines()[0][:80]})"
        raise WeightsError(f"{path}: {what_is(Path(path), 'TorchScript') or plain}") from error
    text = extra[SPEC_ENTRY]
    if not text:
        raise WeightsError(f"{path}: carries no ModelSpec; convert the checkpoint again by main.py --jit")
    return module.eval(), ModelSpec.from_json(text if isinstance(text, str) else text.decode(), str(path))


def _move_constants(module: torch.jit.ScriptModule, device: str) -> None:
    """Write `device` over the one that the trace keeps where the network makes tensors; loading leaves it."""
    graphs: list[Any] = [part.graph for part in module.modules() if hasattr(part, "graph")]
    for graph in graphs:
        for node in graph.findAllNodes("prim::Constant"):
            if node.output().type().kind() == "DeviceObjType":
                node.s_("value", device)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the notes that TorchScript is old, and that a trace keeps sizes, which are fixed anyway."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
