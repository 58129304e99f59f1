"""ONNX files whose metadata_props carry the ModelSpec."""

import contextlib
import io
import logging
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from deploy.module import dynamic_shapes, output_names, random_images
from rankiqa.engines.onnx import SPEC_KEY
from rankiqa.optional import require
from rankiqa.spec import ModelSpec
from utils.errors import ExportError

OPSET = 20


def write(module: nn.Module, spec: ModelSpec, path: Path) -> None:
    """Write `module`, on the CPU and in evaluation mode: input "images", outputs as
    `deploy.module.output_names` names them.

    Raises:
        ConfigError: onnx or onnxscript is not installed.
        ExportError: torch.onnx can't convert it.
    """
    save_onnx(exported(module, spec, path), spec, path)


def exported(module: nn.Module, spec: ModelSpec, path: Path, optimize: bool = True) -> Any:
    """The `onnx.ModelProto` of `module`, by way of a file at `path`; see `write` on what is raised."""
    onnx = require("onnx", "--export onnx")
    require("onnxscript", "--export onnx")
    try:
        with warnings.catch_warnings(), torch.no_grad(), silent():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module,
                (random_images(spec, 2),),
                str(path),
                dynamo=True,
                external_data=False,
                verbose=False,
                opset_version=OPSET,
                input_names=["images"],
                output_names=output_names(spec),
                dynamic_shapes=dynamic_shapes(spec),
                optimize=optimize,
            )
    except Exception as error:  # torch.onnx has no common class for what it can't convert
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ExportError(f"{spec.arch} can't be converted to ONNX ({reason[:200]})") from error
    model = onnx.load(str(path))
    model.graph.doc_string = ""
    for node in model.graph.node:  # names of the source's files and lines
        del node.metadata_props[:]
    return model


def save_onnx(model: Any, spec: ModelSpec, path: Path) -> None:
    """Write an `onnx.ModelProto` with `spec` in its metadata_props."""
    onnx = require("onnx", "writing ONNX")
    onnx.helper.set_model_props(model, {SPEC_KEY: spec.to_json()})
    model.producer_name = "rankiqa"
    onnx.save(model, str(path))


@contextlib.contextmanager
def silent() -> Any:
    """Without the exporter's own reports: this project says itself what was written."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)
