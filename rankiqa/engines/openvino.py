"""OpenVINO as an engine, on the CPU."""

import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from rankiqa.engines.file_kinds import what_is
from rankiqa.engines.onnx import stored_spec
from rankiqa.errors import WeightsError
from rankiqa.optional import require
from rankiqa.reasons import OF_REASONS
from rankiqa.spec import ModelSpec

SPEC_PATH = ["rankiqa", "model_spec"]


@lru_cache(maxsize=1)
def _core() -> Any:
    """OpenVINO's core, which lives as long as the process.

    Its plug-in for CPUs gives the thread that loads it a stack for signals, and takes that stack away from
    whichever thread ends the last core: the next signal that has a handler would end the process.
    """
    return require("openvino", "OpenVINO").Core()


class OpenVinoEngine:
    """Runs an `openvino.Model`; every calling thread has an inference request of its own.

    Args:
        model: its input is "images", one of its outputs "logits".
        streams: requests that run side by side, each on one core.
    """

    name = "openvino"
    device = "cpu"
    chunk = 1  # see OnnxEngine

    def __init__(self, model: Any, streams: int = 1) -> None:
        openvino = require("openvino", "OpenVINO")
        # bf16, which newer processors would be given, changes scores in the third digit.
        options = {
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "THROUGHPUT",
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": streams,
        }
        self.streams = streams
        self._compiled = _core().compile_model(model, "CPU", options)
        there = {name for output in self._compiled.outputs for name in output.get_names()}
        names = ["logits", *(name for name in OF_REASONS if name in there)]
        self._found = [self._compiled.output(name) for name in names]
        self._local = threading.local()
        # OpenVINO's binding sets up its tables of NumPy types at their first use; two threads that both come
        # first wait for each other for ever, one for the GIL and one for the table.
        openvino.Tensor(np.zeros(1, np.float32)).element_type.to_dtype()

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        """See Engine."""
        answer = self._infer(crops)
        if len(self._found) == 1:
            return answer[self._found[0]].copy()
        return np.concatenate([answer[output] for output in self._found], axis=1)

    def outputs(self, crops: np.ndarray) -> tuple[np.ndarray, ...]:
        """uint8 RGB (B, 3, H, W) -> (score (B,), logits (B, N)), and what else the file gives, as it does."""
        answer = self._infer(crops)
        return answer["score"].copy(), *(answer[output].copy() for output in self._found)

    def _infer(self, crops: np.ndarray) -> Any:
        if not hasattr(self._local, "request"):
            self._local.request = self._compiled.create_infer_request()
        images = crops.astype(np.float32)
        images *= np.float32(1 / 255)
        return self._local.request.infer({"images": images}, share_inputs=True)


def read_openvino(path: Path) -> tuple[Any, ModelSpec]:
    """The `openvino.Model` in an .xml or .onnx file, and its spec.

    Raises:
        ConfigError: openvino is not installed.
        WeightsError: not there, damaged, or without a ModelSpec.
    """
    require("openvino", f"{path}")
    if path.suffix == ".xml" and path.is_file() and not path.with_suffix(".bin").is_file():
        raise WeightsError(f"{path}: its weights, {path.with_suffix('.bin').name}, are not beside it")
    try:
        model = _core().read_model(str(path))
    except RuntimeError as error:
        form = "ONNX" if path.suffix == ".onnx" else "OpenVINO"
        raise WeightsError(f"{path}: {what_is(path, form) or 'not a file that OpenVINO reads'}") from error
    if path.suffix == ".onnx":
        return model, stored_spec(path)
    if not model.has_rt_info(SPEC_PATH):
        raise WeightsError(
            f"{path}: carries no ModelSpec; convert the checkpoint again by main.py --export openvino"
        )
    return model, ModelSpec.from_json(str(model.get_rt_info(SPEC_PATH).astype(str)), str(path))
