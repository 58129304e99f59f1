"""ONNX with weights in half precision: half the size, computed in float32.

Weights that half precision holds exactly, as those of pretrained/default.pth, lose nothing. Small ones stay
as they are: each cast costs time whenever the file is opened. Batch norms stay nodes of their own, because
folding them would give the convolutions weights that are no half-precision numbers; ONNX Runtime folds them
when it opens the file.
"""

from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from deploy.formats.onnx import exported, save_onnx, silent
from rankiqa.optional import require
from rankiqa.spec import ModelSpec

SMALL = 2**14  # values of a weight; all of these together take a twentieth of the file
LARGEST_CONSTANT = 2**24  # values of a constant that is computed now: the weights of any layer


def write(module: nn.Module, spec: ModelSpec, path: Path) -> None:
    """Write `module`, on the CPU and in evaluation mode; raises what `deploy.formats.onnx.write` raises."""
    model = exported(module, spec, path, optimize=False)
    with silent():
        folded = _constants_folded(model)
    save_onnx(_halved(folded), spec, path)


def _constants_folded(model: Any) -> Any:
    ir = require("onnx_ir", "--export onnx-half")
    optimizer = require("onnxscript.optimizer", "--export onnx-half")
    graph = ir.serde.deserialize_model(model)
    optimizer.fold_constants(graph, input_size_limit=LARGEST_CONSTANT, output_size_limit=LARGEST_CONSTANT)
    optimizer.remove_unused_nodes(graph)
    return ir.serde.serialize_model(graph)


def _halved(model: Any) -> Any:
    """The same graph; large float32 weights become float16 ones with a cast to float32 behind them."""
    onnx = require("onnx", "--export onnx-half")
    weights, casts = [], []
    for weight in model.graph.initializer:
        values = onnx.numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < SMALL:
            weights.append(weight)
            continue
        stored = f"{weight.name}_half"
        weights.append(onnx.numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(onnx.helper.make_node("Cast", [stored], [weight.name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    for field, values in (("initializer", weights), ("node", nodes), ("value_info", [])):
        model.graph.ClearField(field)
        getattr(model.graph, field).extend(values)
    return model
