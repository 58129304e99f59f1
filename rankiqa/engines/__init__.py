"""Engines that run a model file without PyTorch: ONNX Runtime, and OpenVINO where it is installed."""

from pathlib import Path
from typing import TYPE_CHECKING

from rankiqa.errors import ConfigError, WeightsError
from rankiqa.machine import usable_cores
from rankiqa.optional import installed

if TYPE_CHECKING:
    from rankiqa.scorer import Engine
    from rankiqa.spec import ModelSpec

# suffix -> the engines that can run such a file, its own first
RUNS = {".onnx": ("onnx", "openvino"), ".xml": ("openvino",)}


def open_model(
    path: Path, engine: str = "auto", device: str = "cpu", threads: int | None = None
) -> "tuple[Engine, ModelSpec]":
    """The engine and the ModelSpec of a file.

    Args:
        path: .onnx or .xml (OpenVINO).
        engine: "onnx", "openvino", or "auto": the file's own where installed. One forward per core makes
            ONNX Runtime as fast as OpenVINO (docs/performance.md), which takes a second longer to start.
        device: "cpu", or "cuda" for "onnx".
        threads: cores that compute; None: all that this process may use.

    Raises:
        ConfigError: an engine that is not installed, can't run such a file, or not on `device`.
        WeightsError: the file is not there, damaged, of another kind, or without a ModelSpec.
    """
    if device not in ("cpu", "cuda"):
        raise ConfigError(f"device {device!r} is neither cpu nor cuda")
    if threads is not None and threads < 1:
        raise ConfigError(f"threads: {threads} is no number of cores")
    if not path.is_file():
        raise WeightsError(f"{path}: {'a folder, not a model file' if path.is_dir() else 'no such file'}")
    if path.suffix not in RUNS:
        needs = f"{path.suffix} files need the training program, python main.py; "
        raise WeightsError(
            f"{path}: {needs if path.suffix in ('.pth', '.pt', '.pt2') else ''}"
            f"models are {' and '.join(RUNS)} files here, as main.py --export onnx writes them"
        )
    cores = threads or usable_cores()
    if choose_engine(path, engine, device) == "openvino":
        from rankiqa.engines.openvino import OpenVinoEngine, read_openvino

        model, spec = read_openvino(path)
        return OpenVinoEngine(model, cores), spec
    from rankiqa.engines.onnx import OnnxEngine, open_onnx

    session, spec = open_onnx(path, device)
    return OnnxEngine(session, device, cores), spec


def choose_engine(path: Path, engine: str, device: str = "cpu") -> str:
    """The name of the engine that will run `path`; see `open_model` on the arguments.

    Raises:
        ConfigError: `engine` can't run such a file, or not on `device`.
    """
    able = RUNS[path.suffix]
    if engine in ("auto", "native"):
        return "openvino" if not installed("onnxruntime") and installed("openvino") else able[0]
    return require_able(path, engine, device, able)


def require_able(path: Path, engine: str, device: str, able: tuple[str, ...]) -> str:
    """`engine`, asked for by name to run `path`, if it is one of those that are `able` to, and on `device`.

    Raises:
        ConfigError: it is not.
    """
    if engine not in able:
        raise ConfigError(f"--engine {engine} can't run {path}; {' and '.join(able)} can")
    if engine == "openvino" and device != "cpu":
        others = [f"; take --engine {name} for a GPU" for name in able if name != "openvino"]
        raise ConfigError(f"--engine openvino computes on the CPU{''.join(others)}")
    return engine
