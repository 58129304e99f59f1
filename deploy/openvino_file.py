"""OpenVINO IR (.xml and .bin) whose rt_info carries the ModelSpec."""

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from deploy.module import random_images
from rankiqa.optional import require
from rankiqa.spec import ModelSpec
from utils.errors import ExportError, WeightsError
from rankiqa.engines.file_kinds import what_is

SPEC_PATH = ["rankiqa", "model_spec"]


def convert(module: nn.Module, spec: ModelSpec) -> Any:
    """An `openvino.Model` of `module`, with a dynamic batch, named outputs and the spec in it.

    Raises:
        ConfigError: openvino is not installed.
        ExportError: OpenVINO can't convert it.
    """
    openvino = require("openvino", "OpenVINO")
    try:
        with warnings.catch_warnings(), torch.no_grad(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            model = openvino.convert_model(
                module, example_input=random_images(spec, 2), input=[-1, 3, *spec.image_size]
            )
    except Exception as error:  # OpenVINO raises several classes of its own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ExportError(f"{spec.arch} can't be converted to OpenVINO ({reason[:200]})") from error
    model.inputs[0].get_tensor().set_names({"images"})
    for output, name in zip(model.outputs, ("score", "logits"), strict=True):
        output.get_tensor().set_names({name})
    model.set_rt_info(spec.to_json(), SPEC_PATH)
    return model


def write_openvino(module: nn.Module, spec: ModelSpec, path: Path) -> None:
    """Write `path` (.xml) and the .bin beside it, in full precision; raises what `convert` raises."""
    save_openvino(convert(module, spec), spec, path)


def save_openvino(model: Any, spec: ModelSpec, path: Path) -> None:
    """Write an `openvino.Model` with `spec` in its rt_info."""
    openvino = require("openvino", "OpenVINO")
    model.set_rt_info(spec.to_json(), SPEC_PATH)
    openvino.save_model(model, str(path), compress_to_fp16=False)


def read_openvino(path: Path) -> tuple[Any, ModelSpec]:
    """The `openvino.Model` in an .xml or .onnx file, and its spec.

    Raises:
        ConfigError: openvino is not installed.
        WeightsError: not there, damaged, or without a ModelSpec.
    """
    openvino = require("openvino", f"{path}")
    if path.suffix == ".xml" and path.is_file() and not path.with_suffix(".bin").is_file():
        raise WeightsError(f"{path}: its weights, {path.with_suffix('.bin').name}, are not beside it")
    try:
        model = openvino.Core().read_model(str(path))
    except RuntimeError as error:
        form = "ONNX" if path.suffix == ".onnx" else "OpenVINO"
        raise WeightsError(f"{path}: {what_is(path, form) or 'not a file that OpenVINO reads'}") from error
    if path.suffix == ".onnx":
        from rankiqa.engines.onnx import stored_spec

        return model, stored_spec(path)
    if not model.has_rt_info(SPEC_PATH):
        raise WeightsError(
            f"{path}: carries no ModelSpec; convert the checkpoint again by main.py --export openvino"
        )
    return model, ModelSpec.from_json(str(model.get_rt_info(SPEC_PATH).astype(str)), str(path))
