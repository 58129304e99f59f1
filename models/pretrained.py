"""Pretrained weights: a local file, an installed package, or the library's own download, in this order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models.factory import require_advprop
from models.registry import canonical_arch, source_of
from models.state import fit_state, read_state

if TYPE_CHECKING:
    from torch import nn


def load_pretrained(
    model: nn.Module, arch: str, folder: Path = Path("pretrained"), advprop: bool = False
) -> str:
    """Load pretrained weights into a network of `create_model`; return a sentence that says from where.

    Taken is the first of: {folder}/{arch}_advprop.pth (for `advprop`), {folder}/{arch}.pth, with / in the
    name as _; the file of an installed weights package; the library's download. Only the last goes
    on line. A head of another size keeps its random values, and the sentence says so.

    Raises:
        ArchError: an unknown name, or `advprop` for an architecture that has no such weights.
        WeightsError: no weights, or weights that do not fit; the message names the file, or where to put one.
    """
    arch = canonical_arch(arch)
    if advprop:
        require_advprop(arch)
    source, name = source_of(arch)
    local = _local_names(arch, Path(folder), advprop)
    path = next((path for path in local if path.is_file()), None) or source.installed_file(name)
    if path is None:
        where, notices = source.load_published(model, name, local[0], advprop)
    else:
        where = str(path)
        notices = fit_state(model, source.converted(model, read_state(path)), where)
    notices = [notice.removeprefix(f"{where}: ") for notice in notices]
    return "; ".join([f"{arch}: pretrained weights from {where}", *notices])


def _local_names(arch: str, folder: Path, advprop: bool) -> list[Path]:
    name = arch.replace("/", "_")
    plain = folder / f"{name}.pth"
    return [folder / f"{name}_advprop.pth", plain] if advprop else [plain]
