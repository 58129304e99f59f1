"""Writing a network in other formats: each file is opened again and compared before it is kept."""

import copy
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from deploy.half import TOLERANCE as HALF_TOLERANCE
from deploy.half import open_half, write_half
from deploy.module import ExportModule
from deploy.onnx_file import write_onnx
from deploy.openvino_file import write_openvino
from deploy.parity import TOLERANCE, Outputs, check_batches, largest_difference, outputs_of
from deploy.pt2 import open_pt2, write_pt2
from deploy.torchscript import export_torchscript
from rankiqa.spec import ModelSpec
from utils.errors import ConfigError, ExportError, WeightsError

WRITERS: dict[str, Callable[[nn.Module, ModelSpec, Path], None]] = {
    "half": write_half,
    "pt2": write_pt2,
    "onnx": write_onnx,
    "openvino": write_openvino,
}


def export(
    network: nn.Module,
    spec: ModelSpec,
    name: str,
    path: Path,
    images: Tensor | None = None,
    tolerance: float | None = None,
) -> float:
    """Write `network` as the float format `name` to `path`, open the file again and compare.

    Args:
        network: in any mode; a copy in evaluation mode, on the CPU, is converted.
        spec: goes into the file.
        name: "torchscript", "half", "pt2", "onnx" or "openvino".
        path: of the file, replaced whole.
        images: float32 (M, 3, H, W) in [0, 1] of real images to compare on,
            beside noise in batches of 1 and 7.
        tolerance: largest difference allowed, in units of the score and of the logits
            (1e-4, and 0.02 for "half").

    Returns:
        The largest difference that was seen.

    Raises:
        ConfigError: a package that the format needs is not installed.
        ExportError: the network can't be converted, or the file differs by more than `tolerance`.
    """
    if tolerance is None:
        tolerance = HALF_TOLERANCE if name == "half" else TOLERANCE
    if name == "torchscript":
        return export_torchscript(network, spec, path, images, tolerance)
    module = export_module(network, spec)
    batches = check_batches(spec, images)
    expected = outputs_of(module, batches)
    with Staged(path) as staged:
        WRITERS[name](module, spec, staged.path)
        worst = largest_difference(opened(staged.path, spec), batches, expected)
        if not worst <= tolerance:
            raise ExportError(
                f"{path}: differs from the model by {worst:.2e}, allowed {tolerance:.0e}; not written"
            )
        staged.keep()
    return worst


def export_module(network: nn.Module, spec: ModelSpec) -> ExportModule:
    """A copy of `network` on the CPU, in evaluation mode, with pixels in and (score, logits) out."""
    return ExportModule(copy.deepcopy(network).cpu().eval(), spec).eval()


def opened(path: Path, spec: ModelSpec) -> Callable[[Tensor], Outputs]:
    """What the file says of float pixels, by its own runtime, after a check of the spec in it.

    Raises:
        ExportError: the file can't be opened, or the spec in it is not `spec`.
    """
    try:
        run, stored = _runner(path)
    except WeightsError as error:
        raise ExportError(f"{spec.arch} makes a file that can't be opened: {error}") from error
    if stored != spec:
        raise ExportError(f"{path.name}: its ModelSpec did not survive the conversion")
    return run


def _runner(path: Path) -> tuple[Callable[[Tensor], Outputs], ModelSpec]:
    if path.suffix == ".pt2":
        return open_pt2(path)
    if path.suffix == ".pth":
        return open_half(path)
    if path.suffix == ".onnx":
        try:
            from rankiqa.engines.onnx import open_onnx

            session, spec = open_onnx(path)
        except ConfigError as error:
            raise ConfigError(f"checking an ONNX file: {error}") from error
        names = ["score", "logits"]

        def by_onnxruntime(images: Tensor) -> Outputs:
            score, logits = session.run(names, {"images": images.numpy()})
            return torch.from_numpy(score), torch.from_numpy(logits)

        return by_onnxruntime, spec
    if path.suffix != ".xml":
        raise WeightsError(f"{path}: no check for such a file")
    import openvino

    from rankiqa.engines.openvino import read_openvino

    model, spec = read_openvino(path)
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def by_openvino(images: Tensor) -> Outputs:
        answer = compiled(images.numpy())
        return torch.from_numpy(answer["score"].copy()), torch.from_numpy(answer["logits"].copy())

    return by_openvino, spec


class Staged:
    """A folder beside `path` where a file of one or two parts is made; kept whole, or not at all."""

    def __init__(self, path: Path) -> None:
        self._target = path

    def __enter__(self) -> "Staged":
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._folder = tempfile.TemporaryDirectory(dir=self._target.parent, prefix=".export_")
        self.path = Path(self._folder.name) / self._target.name
        return self

    def keep(self) -> None:
        """Move what was made to its place; the .bin of OpenVINO before the .xml that needs it."""
        for made in sorted(self.path.parent.iterdir(), key=lambda path: path.suffix == self._target.suffix):
            made.replace(self._target.with_name(made.name))

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()
