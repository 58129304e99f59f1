"""OpenVINO IR (.xml and .bin) whose rt_info carries the ModelSpec."""

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from deploy.module import has_one_size, output_names, random_images
from rankiqa.engines.openvino import SPEC_PATH
from rankiqa.optional import require
from rankiqa.spec import ModelSpec
from utils.errors import ExportError


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
            sides = spec.image_size if has_one_size(spec) else (-1, -1)
            model = openvino.convert_model(
                module, example_input=random_images(spec, 2), input=[-1, 3, *sides]
            )
    except Exception as error:  # OpenVINO raises several classes of its own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ExportError(f"{spec.arch} can't be converted to OpenVINO ({reason[:200]})") from error
    model.inputs[0].get_tensor().set_names({"images"})
    for output, name in zip(model.outputs, output_names(spec), strict=True):
        output.get_tensor().set_names({name})
    model.set_rt_info(spec.to_json(), SPEC_PATH)
    return model


def write(module: nn.Module, spec: ModelSpec, path: Path) -> None:
    """Write `path` (.xml) and the .bin beside it, in full precision; raises what `convert` raises."""
    save_openvino(convert(module, spec), spec, path)


def save_openvino(model: Any, spec: ModelSpec, path: Path) -> None:
    """Write an `openvino.Model` with `spec` in its rt_info."""
    openvino = require("openvino", "OpenVINO")
    model.set_rt_info(spec.to_json(), SPEC_PATH)
    openvino.save_model(model, str(path), compress_to_fp16=False)
