"""torch.export files (.pt2) that carry their ModelSpec, and are read only when they can run no code."""

import json
import re
import warnings
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import nn

from deploy.formats.operators import is_known
from deploy.formats.torchscript import SPEC_ENTRY
from deploy.module import dynamic_shapes, random_images
from rankiqa.engines.file_kinds import what_is
from rankiqa.spec import ModelSpec
from utils.errors import ExportError, WeightsError

# torch.export.load resolves operators by getattr from `torch`, hands sizes to sympy, which evaluates them,
# and names to a generator of Python code. A file is opened only when all its strings are of the plain kinds
# that `write` leaves in it.
_OPERATOR = re.compile(r"torch\.ops\.aten\.(\w+)(\.\w+)?")
_OF_SIZES = {f"_operator.{name}" for name in "getitem add sub mul floordiv ge le eq ne".split()}
_NAME = re.compile(r"[\w.+-]*")  # RegNet calls its blocks block4-5
_SIZE = re.compile(
    r"(?:Symbol\('[su]\d+', positive=True, integer=True\)|Integer\(\d+\)|[su]\d+|\d+|Max|Min|Mod"
    r"|FloorDiv|Add|Mul|PythonMod|CeilDiv|[\s+*/(),-])*"
)
_TREE = re.compile(r"(?:\"(?:type|context|children_spec|builtins\.\w+|null|\[\])\"|null|[\d\s,:{}\[\]])*")
_ENTRY = re.compile(
    r"data/(weights|constants)/(weight_\d+|tensor_\d+|model_\w+_config\.json)|models/model\.json"
    r"|data/sample_inputs/model\.pt|extra/[\w.]+|archive_format|archive_version|byteorder"
    r"|\.data/(version|serialization_id)|\.format_version|\.storage_alignment"
)
_LARGEST = 2**26  # bytes of a JSON or of the sample inputs: a real graph has under a million


def write(module: nn.Module, spec: ModelSpec, path: Path) -> None:
    """Write `module`, on the CPU and in evaluation mode, with a dynamic batch.

    Raises:
        ExportError: torch.export can't capture it.
    """
    from torch.export import export, save

    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            example = random_images(spec, 2)
            program = export(module, (example,), dynamic_shapes=dynamic_shapes(spec))
    except Exception as error:  # torch.export has no common class for what it can't capture
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ExportError(f"{spec.arch} can't be captured by torch.export ({reason[:200]})") from error
    for node in program.graph.nodes:  # where each line of the source lay on this machine is nobody's business
        for key in ("stack_trace", "nn_module_stack", "source_fn_stack", "torch_fn", "from_node"):
            node.meta.pop(key, None)
    # Conditions on dynamic sizes, as Python code that is run when the file is opened: `open_file` takes none.
    program._guards_code = []  # noqa: SLF001
    save(program, path, extra_files={SPEC_ENTRY: spec.to_json()})


def open_file(path: str | Path, device: str = "cpu") -> tuple[nn.Module, ModelSpec]:
    """The module and its spec, from the file alone.

    Raises:
        WeightsError: not there, damaged, without a ModelSpec, or holding what could run code.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"{path}: no such file")
    try:
        _refuse_code(path)
        extra: dict[str, Any] = {SPEC_ENTRY: ""}
        program = torch.export.load(path, extra_files=extra)
    except WeightsError:
        raise
    except Exception as error:  # what a broken file raises has no common class
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        plain = f"not a torch.export file ({reason[:120]})"
        raise WeightsError(f"{path}: {what_is(path, 'torch.export') or plain}") from error
    if not extra[SPEC_ENTRY]:
        raise WeightsError(
            f"{path}: carries no ModelSpec; convert the checkpoint again by main.py --export pt2"
        )
    spec = ModelSpec.from_json(extra[SPEC_ENTRY], str(path))
    if device != "cpu":
        from torch.export.passes import move_to_device_pass

        program = move_to_device_pass(program, device)  # the graph names the device it was captured on
    return program.module(check_guards=False), spec


def _refuse_code(path: Path) -> None:
    """Raise WeightsError unless the archive holds tensors, plain operators and sizes, and nothing else."""
    _refuse_large(path)
    reader = torch._C.PyTorchFileReader(str(path))  # noqa: SLF001  # as torch.export.load reads it
    for name in reader.get_all_records():
        if not _ENTRY.fullmatch(name):
            raise WeightsError(f"{path}: holds {name!r}, which no export leaves; not opened")
        if name.endswith(".json") and not name.startswith("extra/"):
            _check_json(path, json.loads(reader.get_record(name)))
        elif name == "data/sample_inputs/model.pt":
            try:
                torch.load(BytesIO(reader.get_record(name)), weights_only=True)
            except Exception as error:
                raise WeightsError(f"{path}: its sample inputs could run code; not opened") from error


def _refuse_large(path: Path) -> None:
    """Raise WeightsError where what is to be looked at would not fit into memory."""
    with zipfile.ZipFile(path) as archive:  # the reader of torch tells sizes from version 2.14 on
        for entry in archive.infolist():
            if (
                entry.filename.endswith((".json", "/data/sample_inputs/model.pt"))
                and entry.file_size > _LARGEST
            ):
                raise WeightsError(f"{path}: {entry.filename} is too large to be a graph; not opened")


def _check_json(path: Path, value: Any) -> None:
    """Walk the JSON, without recursion: a hostile one may be nested deeply."""
    todo = [value]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            if value.get("use_pickle"):
                raise WeightsError(f"{path}: holds pickled objects, which could run code; not opened")
            if value.get("guards_code"):
                raise WeightsError(f"{path}: holds guards_code, which would be run; not opened")
            operator = value.get("target")
            if "inputs" in value and operator is not None and not _may_call(operator):
                raise WeightsError(
                    f"{path}: calls {str(operator)[:80]}, which no exported network does; not opened"
                )
            todo.extend(value)
            todo.extend(value.values())
        elif isinstance(value, list):
            todo.extend(value)
        elif isinstance(value, str) and not any(_matches(form, value) for form in (_NAME, _SIZE, _TREE)):
            raise WeightsError(f"{path}: holds {value[:80]!r}, which could run code; not opened")


def _may_call(operator: Any) -> bool:
    of_tensors = _OPERATOR.fullmatch(operator) if isinstance(operator, str) else None
    return is_known(of_tensors[1]) if of_tensors else str(operator) in _OF_SIZES


def _matches(form: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None
