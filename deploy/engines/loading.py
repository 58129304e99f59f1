"""From a file to a scorer, by its suffix."""

import importlib
import logging
from pathlib import Path

import torch

from deploy.engines.torch_modules import TorchEngine, require_device
from deploy.formats import OPENED_BY_TORCH
from rankiqa.engines import RUNS as RUNTIME
from rankiqa.engines import open_model, require_able
from rankiqa.engines.onnx import runs_on_gpus
from rankiqa.engines.openvino import OpenVinoEngine
from rankiqa.machine import usable_cores
from rankiqa.optional import installed
from rankiqa.scorer import Engine, Scorer
from rankiqa.spec import ModelSpec
from utils.errors import WeightsError

WORTH_CONVERTING = 150  # images, from which on OpenVINO makes up for the seconds of its conversion
# suffix -> the engines that can run such a file, its own first
RUNS = {
    ".pth": ("torch", "openvino"),
    ".pt": ("torch", "openvino"),
    ".pt2": ("torch",),
    **RUNTIME,
}


def load_scorer(
    path: str | Path,
    device: str = "cpu",
    threads: int | None = None,
    engine: str = "native",
) -> Scorer:
    """A scorer from a model file alone.

    Args:
        path: .pth (a checkpoint), .pt (TorchScript), .pt2 (torch.export), .onnx, or .xml (OpenVINO).
        device: "cpu" or "cuda"; see `usable_device` on the latter with "auto".
        threads: of the CPU; None: all cores.
        engine: "native" for the file's own, or one of deploy.names.ENGINES, of which "auto" is the fastest
            that is installed.

    Raises:
        ConfigError: an engine that is not installed or can't run such a file, or a device that is not there.
        WeightsError: the file is not there, damaged, without a ModelSpec, or of a kind that no engine opens.
    """
    loaded, spec = load_engine(Path(path), device, threads, engine)
    return Scorer(loaded, spec)


def load_engine(path: Path, device: str, threads: int | None, engine: str) -> tuple[Engine, ModelSpec]:
    """The engine and the spec of `load_scorer`, which says what the arguments are and what is raised."""
    require_device(device)
    device = usable_device(path, device, engine)
    kind = choose_engine(path, device, engine)
    if kind == "torch" and device != "cpu":
        torch.set_num_threads(1)  # it only packs pixels, in several threads of ours
    elif kind == "torch" and threads is not None:
        torch.set_num_threads(threads)
    if path.suffix in RUNTIME:
        return open_model(path, kind, device, threads)
    home = importlib.import_module(f"deploy.formats.{OPENED_BY_TORCH[path.suffix]}")
    module, spec = home.open_file(path, device)
    return engine_of_module(module, spec, device, threads, kind), spec


def engine_of_module(
    module: torch.nn.Module, spec: ModelSpec, device: str, threads: int | None, kind: str
) -> Engine:
    """The engine `kind`, "torch" or "openvino", for an `ExportModule`."""
    if kind == "openvino":
        from deploy.formats.openvino import convert

        return OpenVinoEngine(convert(module, spec), threads or usable_cores())
    return TorchEngine(module, device)


def usable_device(path: Path, device: str, engine: str) -> str:
    """`device`, or "cpu" with a notice where "auto" is to run an .onnx file and ONNX Runtime has no GPU."""
    if engine != "auto" or path.suffix != ".onnx" or device == "cpu" or runs_on_gpus():
        return device
    logging.warning("%s: computed on the CPU; a GPU needs the package onnxruntime-gpu", path)
    return "cpu"


def choose_engine(path: Path, device: str, engine: str, count: int | None = None) -> str:
    """The name of the engine that will run `path`.

    Args:
        path: of the model.
        device: "cpu" or "cuda".
        engine: "native", "auto", or a name.
        count: of images, where that is known: for a few, "auto" does not convert a file of PyTorch.

    Raises:
        ConfigError: `engine` is unknown, can't run such a file, or not on `device`.
        WeightsError: no engine opens such a file.
    """
    if path.suffix not in RUNS:
        raise WeightsError(
            f"{path}: no engine opens {path.suffix or 'such'} files; models are {', '.join(RUNS)}, "
            ".pt is what --jit writes"
        )
    able = RUNS[path.suffix]
    if engine == "native":
        return able[0]
    if engine == "auto":
        worth = (
            device == "cpu" and path.suffix not in RUNTIME and (count is None or count >= WORTH_CONVERTING)
        )
        return "openvino" if worth and "openvino" in able and installed("openvino") else able[0]
    return require_able(path, engine, device, able)
