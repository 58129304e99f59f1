"""TorchScript files that carry their ModelSpec."""

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from deploy.module import ExportModule, random_images
from deploy.traced_code import refuse_code
from rankiqa.engines.file_kinds import what_is
from rankiqa.files import atomic_write
from rankiqa.spec import ModelSpec
from utils.errors import ExportError, WeightsError

SPEC_ENTRY = "model_spec.json"
TOLERANCE = 1e-4


def export_torchscript(
    network: nn.Module,
    spec: ModelSpec,
    path: Path,
    images: Tensor | None = None,
    tolerance: float = TOLERANCE,
) -> float:
    """Trace `network`, write it with `spec` to `path`, open the file again and compare.

    Args:
        network: in any mode; a copy in evaluation mode, on the CPU, is traced.
        spec: goes into the file.
        path: of the file, replaced atomically.
        images: float32 (M, 3, H, W) in [0, 1] of real images to compare on,
            beside noise in batches of 1 and 7.
        tolerance: largest difference allowed, in units of the score and of the logits.

    Returns:
        The largest difference that was seen.

    Raises:
        ExportError: the network can't be traced, or the file differs by more than `tolerance`.
    """
    module = ExportModule(copy.deepcopy(network).cpu().eval(), spec).eval()
    batches = [random_images(spec, 1), random_images(spec, 7)]
    if images is not None:
        batches += list(images.split(4))
    with torch.inference_mode():
        expected = [module(batch) for batch in batches]
    try:
        with torch.no_grad(), _quiet():
            traced = torch.jit.trace(module, random_images(spec, 2), check_trace=False)
    except (RuntimeError, torch.jit.TracingCheckError) as error:
        raise ExportError(f"{spec.arch} can't be traced ({str(error).splitlines()[0]})") from error
    with atomic_write(path) as file:
        partial = Path(file.name)
        with _quiet():
            torch.jit.save(traced, str(partial), _extra_files={SPEC_ENTRY: spec.to_json()})
        worst = _largest_difference(partial, batches, expected)
        if not worst <= tolerance:
            raise ExportError(
                f"{path}: differs from the model by {worst:.2e}, allowed {tolerance:.0e}; not written"
            )
    return worst


def open_torchscript(path: str | Path, device: str = "cpu") -> tuple[torch.jit.ScriptModule, ModelSpec]:
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


def _largest_difference(path: Path, batches: list[Tensor], expected: list[tuple[Tensor, Tensor]]) -> float:
    try:
        module, _ = open_torchscript(path)
    except WeightsError as error:
        raise ExportError(f"the network makes a file that can't be opened: {error}") from error
    worst = 0.0
    with torch.inference_mode():
        for batch, outputs in zip(batches, expected, strict=True):
            for mine, theirs in zip(module(batch), outputs, strict=True):
                difference = float((mine - theirs).abs().max())
                worst = max(worst, difference) if difference == difference else float("inf")
    return worst
