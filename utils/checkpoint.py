"""Checkpoints: written whole or not at all, read without running code (docs/architecture.md)."""

import pickle
import warnings
from pathlib import Path
from typing import Any

import torch

from rankiqa.engines.file_kinds import what_is
from rankiqa.files import atomic_write, remove_abandoned
from utils.errors import WeightsError

FORMAT = 1


def file_arch(arch: str) -> str:
    """`arch` as it stands in file names: a timm model's name holds a slash."""
    return arch.replace("/", "_")


def arch_of_today(arch: str) -> str:
    """The name of an architecture, or of a file named after it, that version 1 called otherwise."""
    return arch.replace("_every_block", "_multi_level")


def save_checkpoint(path: str | Path, state: dict[str, Any]) -> None:
    """Write `state`, made of tensors and plain values, to `path` atomically.

    Raises:
        WeightsError: the disk is full or the folder can't be written; an earlier file stays as it was.
    """
    remove_abandoned(path)
    try:
        with atomic_write(path) as file:
            torch.save({"format": FORMAT, **state}, file)
    except (OSError, RuntimeError) as error:
        cause = _disk_fault(error)
        if cause is None and "PytorchStreamWriter" not in str(error):
            raise
        reason = (cause and cause.strerror) or str(error).splitlines()[0]
        raise WeightsError(
            f"{path}: can't be written ({reason}); the earlier file, if any, is unharmed"
        ) from error


def _disk_fault(error: BaseException) -> OSError | None:
    """The OSError behind an error of torch's zip writer, which on its way out complains of the short file."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__context__
    return cause


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """What `save_checkpoint` wrote; a bare state_dict, of an earlier program, becomes {"state_dict": it}.

    Raises:
        WeightsError: not there, damaged, or holding more than tensors and plain values.
    """
    path = find_file(path)
    state = read_safely(path)
    if not isinstance(state, dict) or not state:
        raise WeightsError(f"{path}: holds no weights")
    if all(isinstance(value, torch.Tensor) for value in state.values()):
        return {"state_dict": state}
    if isinstance(state.get("model"), dict):
        return {"state_dict": state["model"]}
    if "state_dict" not in state:
        raise WeightsError(f"{path}: holds no 'state_dict' among {', '.join(sorted(map(str, state))[:5])}")
    return state


def read_safely(path: Path) -> Any:
    """What torch saved in `path`, on the CPU, without running any code of the file's.

    Raises:
        WeightsError: not there, damaged, or holding more than tensors and plain values.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: {what_is(path) or 'no such file'}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on what the file is: the error says that
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what a broken file raises has no common class
        raise WeightsError(f"{path}: {what_is(path) or _torch_fault(path, error)}") from error


def _torch_fault(path: Path, error: Exception) -> str:
    """Why torch can't load a file that seems to be one of torch.save."""
    with path.open("rb") as file:
        pickled = file.read(2) in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
    if pickled and isinstance(error, pickle.UnpicklingError) and "Unsupported" in str(error):
        return (
            "could run code when opened; only weights are read: where it was made, save "
            "model.state_dict() in place of the whole"
        )
    if isinstance(error, EOFError) or "unexpected EOF" in str(error):
        return "cut short: copy or download it again"
    reason = (str(error).strip() or type(error).__name__).splitlines()[0].partition(". ")[0]
    return f"damaged, or not a file of weights ({reason})"


def find_file(path: str | Path) -> Path:
    """`path`, or the file beside it whose name differs only in case and in - against _.

    Raises:
        WeightsError: there is neither; the message names what lies in the folder.
    """
    path = Path(path)
    if path.is_file():
        return path
    if path.is_dir():
        raise WeightsError(f"{path}: {what_is(path)}")
    there = sorted(p for p in path.parent.glob("*") if p.is_file()) if path.parent.is_dir() else []
    alike = [p for p in there if _plain(p.name) == _plain(path.name)]
    if alike:
        return alike[0]
    names = ", ".join(p.name for p in there if p.suffix in (".pth", ".pt"))
    beside = f"; {path.parent} holds {names}" if names else ""
    raise WeightsError(f"{path}: no such file{beside}")


def _plain(name: str) -> str:
    return arch_of_today(name.lower().replace("-", "_"))
