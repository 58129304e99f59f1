"""The program inside a TorchScript file, judged before torch opens the file: opening runs parts of it."""

import ast
import re
from pathlib import Path

import torch

from deploy.formats.operators import is_known
from utils.errors import WeightsError

_RECORD = re.compile(
    r"code/\S+\.py(\.debug_pkl)?|(data|constants|traced_inputs)(/\d+|\.pkl)|extra/[\w.]+"
    r"|\.data/(version|serialization_id)|version|byteorder|\.format_version|\.storage_alignment"
)
# Classes written in C++, which have a __setstate__ of their own.
_FOREIGN = re.compile(rb"torch\sclasses|torch\.classes")
# Comments, escapes and other quotes: there Python and TorchScript might not see the same text.
_AMBIGUOUS = re.compile(r"[^\n -~]|['\\#]|\"\"\"")
_METHOD = re.compile(r"forward\d*")
_FUNCTIONS = {"annotate", "bool", "float", "getattr", "int"}
_CONVERSIONS = {"ops.prim.NumToTensor", "ops.prim.device", "ops.prim.dtype"}
_SYNTAX = (
    *(ast.Module, ast.ClassDef, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Pass, ast.Assign),
    *(ast.AnnAssign, ast.Expr, ast.Call, ast.keyword, ast.Attribute, ast.Name, ast.Constant, ast.Subscript),
    *(ast.List, ast.Tuple, ast.Dict, ast.UnaryOp, ast.BinOp, ast.operator, ast.unaryop, ast.expr_context),
)


def refuse_code(path: Path) -> None:
    """Raise WeightsError unless the file holds what a traced network does: tensors and calls of operators.

    Torch's own reader reads it, so that what is judged is what will be opened.

    Raises:
        RuntimeError: not an archive of torch.
    """
    reader = torch._C.PyTorchFileReader(str(path))  # noqa: SLF001
    for name in reader.get_all_records():
        if not _RECORD.fullmatch(name):
            raise WeightsError(f"{path}: holds {name!r}, which no trace leaves; not opened")
        if name.endswith(".py"):
            _check_source(f"{path}: {name}", reader.get_record(name).decode())
        elif name.endswith(".pkl") and _FOREIGN.search(reader.get_record(name)):
            raise WeightsError(f"{path}: {name} holds more than tensors; not opened")


def _check_source(where: str, text: str) -> None:
    strange = _AMBIGUOUS.search(text)
    if strange:
        raise WeightsError(f"{where} has {strange[0]!r}, which no traced network has; not opened")
    try:
        tree = ast.parse(text)
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise WeightsError(f"{where} can't be read as a traced network; not opened") from error
    for node in ast.walk(tree):
        reason = _why_refused(node)
        if reason:
            raise WeightsError(f"{where} {reason}, which no traced network does; not opened")


def _why_refused(node: ast.AST) -> str | None:
    """What is wrong with one piece of the program, or None."""
    if not isinstance(node, _SYNTAX):
        return f"uses {type(node).__name__}"
    if isinstance(node, ast.FunctionDef) and not _METHOD.fullmatch(node.name):
        return f"defines {node.name}"
    if isinstance(node, ast.Call) and not _may_call(node.func):
        return f"calls {ast.unparse(node.func)[:80]}"
    # A call is judged by its name, so that no name that may be called can be given to something else.
    name = node.arg if isinstance(node, ast.arg) else None
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        name = node.id
    return f"calls something {name}" if name in _FUNCTIONS | {"torch", "ops"} else None


def _may_call(function: ast.expr) -> bool:
    if isinstance(function, ast.Name):
        return function.id in _FUNCTIONS
    if not isinstance(function, ast.Attribute):
        return False
    owner = function.value
    if isinstance(owner, ast.Name) and owner.id == "torch":
        return is_known(function.attr)
    return bool(_METHOD.fullmatch(function.attr)) or ast.unparse(function) in _CONVERSIONS
