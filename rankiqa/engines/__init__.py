"""Engines that run a model file without PyTorch: ONNX Runtime, and OpenVINO where it is installed."""

from pathlib import Path

from rankiqa.cores import usable_cores
from rankiqa.errors import ConfigError, WeightsError
from rankiqa.optional import installed
from rankiqa.scorer import Engine
from rankiqa.spec import ModelSpec

# suffix -> the engines that can run such a file, its own first
RUNS = {".onnx": ("onnx", "openvino"), ".xml": ("openvino",)}


def open_model(
    path: Path, engine: str = "auto", device: str = "cpu", threads: int | None = None
) -> tuple[Engine, ModelSpec]:
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
    if path.suffix not in RUNS:
        raise WeightsError(
            f"{path}: {path.suffix or 'such'} files need the training program, python main.py; "
            f"here models are {' and '.join(RUNS)}, as main.py --export onnx writes them"
        )
    if not path.is_file():
        raise WeightsError(f"{path}: no such file")
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
    if engine not in able:
        raise ConfigError(f"--engine {engine} can't run {path}; {' and '.join(able)} can")
    if engine == "openvino" and device != "cpu":
        raise ConfigError("--engine openvino computes on the CPU; take --engine torch for a GPU")
    return engine
