"""ONNX Runtime as an engine."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from rankiqa.chunks import GPU
from rankiqa.engines.file_kinds import what_is
from rankiqa.errors import ConfigError, WeightsError
from rankiqa.optional import installed, require
from rankiqa.reasons import OF_REASONS
from rankiqa.spec import ModelSpec

SPEC_KEY = "model_spec"


class OnnxEngine:
    """Runs an ONNX file whose input is "images" and whose second output is "logits".

    On a CPU each crop is a forward of its own on one core: as many crops side by side as there are cores are
    faster than one forward on all cores, and no score depends on the company of its image.

    Args:
        session: of `open_onnx`.
        device: "cpu" or "cuda".
        streams: forwards side by side.
    """

    name = "onnx"

    def __init__(self, session: Any, device: str = "cpu", streams: int = 1) -> None:
        self._session, self.device = session, device
        self.chunk, self.streams = (1, streams) if device == "cpu" else (GPU, 1)

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        """See Engine."""
        found = self._run(crops, self._names)
        return found[0] if len(found) == 1 else np.concatenate(found, axis=1)

    def outputs(self, crops: np.ndarray) -> tuple[np.ndarray, ...]:
        """uint8 RGB (B, 3, H, W) -> (score (B,), logits (B, N)), and what else the file gives, as it does."""
        return tuple(self._run(crops, ["score", *self._names]))

    @cached_property
    def _names(self) -> list[str]:
        there = [output.name for output in self._session.get_outputs()]
        return ["logits", *(name for name in OF_REASONS if name in there)]

    def _run(self, crops: np.ndarray, names: list[str]) -> list[np.ndarray]:
        return self._session.run(names, {"images": crops.astype(np.float32) / np.float32(255)})


def open_onnx(path: Path, device: str = "cpu") -> tuple[Any, ModelSpec]:
    """An `onnxruntime.InferenceSession` and the spec, from the file alone.

    Raises:
        ConfigError: onnxruntime is not installed, or not the one for GPUs.
        WeightsError: not there, damaged, or without a ModelSpec.
    """
    runtime = require("onnxruntime", f"{path}")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1  # see OnnxEngine
    options.enable_mem_pattern = False  # one plan is kept for each size of images, and buys no speed
    providers = ["CPUExecutionProvider"]
    if device.startswith("cuda"):
        if not runs_on_gpus():
            raise ConfigError(
                f"{path}: device cuda needs the package onnxruntime-gpu in place of onnxruntime"
            )
        providers.insert(0, "CUDAExecutionProvider")
    try:
        session = runtime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # onnxruntime raises classes that it does not name publicly
        raise WeightsError(
            f"{path}: {what_is(path, 'ONNX') or 'not a file that ONNX Runtime opens'}"
        ) from error
    if device.startswith("cuda") and "CUDAExecutionProvider" not in session.get_providers():
        raise ConfigError(f"{path}: ONNX Runtime can't start CUDA on this machine; take device cpu")
    return session, spec_of_properties(session.get_modelmeta().custom_metadata_map, path)


def runs_on_gpus() -> bool:
    """Whether the ONNX Runtime that is installed, if any, is the one for GPUs."""
    if not installed("onnxruntime"):
        return False
    return "CUDAExecutionProvider" in require("onnxruntime", "ONNX").get_available_providers()


def stored_spec(path: Path) -> ModelSpec:
    """The spec of an ONNX file, read by onnx or onnxruntime; raises as open_onnx."""
    try:
        import onnx
    except ImportError:
        return open_onnx(path)[1]
    model = onnx.load(str(path), load_external_data=False)
    return spec_of_properties({item.key: item.value for item in model.metadata_props}, path)


def spec_of_properties(properties: dict[str, str], path: Path) -> ModelSpec:
    """The ModelSpec among the metadata of an ONNX file.

    Raises:
        WeightsError: there is none.
    """
    if SPEC_KEY not in properties:
        raise WeightsError(
            f"{path}: carries no ModelSpec; convert the checkpoint again by main.py --export onnx"
        )
    return ModelSpec.from_json(properties[SPEC_KEY], str(path))
