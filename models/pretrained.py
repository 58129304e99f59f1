"""Pretrained weights: a local file, an installed package, or the library's own download, in this order."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from models.factory import require_advprop
from models.reachable import is_reachable
from models.registry import TIMM, canonical_arch, entry_of
from models.state import fit_state, read_state, unwrap_state
from utils.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor, nn


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
    path = _local_file(arch, Path(folder), advprop)
    if path is not None:
        notices = fit_state(model, _converted(model, arch, read_state(path)), str(path))
        return _sentence(arch, str(path), notices)
    wanted = _local_names(arch, Path(folder), advprop)[0]
    if arch.startswith(TIMM):
        from models.timm_weights import download_timm

        return _sentence(arch, *download_timm(model, arch, wanted))
    url = entry_of(arch).advprop_url(arch) if advprop else entry_of(arch).url(arch)
    state = _download(arch, url, wanted)
    return _sentence(arch, str(url), fit_state(model, state, str(url)))


def _local_names(arch: str, folder: Path, advprop: bool) -> list[Path]:
    name = arch.replace("/", "_")
    plain = folder / f"{name}.pth"
    return [folder / f"{name}_advprop.pth", plain] if advprop else [plain]


def _local_file(arch: str, folder: Path, advprop: bool) -> Path | None:
    for path in _local_names(arch, folder, advprop):
        if path.is_file():
            return path
    return entry_of(arch).installed(arch)


def _converted(model: nn.Module, arch: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    if not arch.startswith(TIMM):
        return state
    from models.timm_weights import filter_state

    return filter_state(model, state)


def _download(arch: str, url: str | None, wanted: Path) -> dict[str, Tensor]:
    """The state dict behind `url`, from the cache of torch.hub if it is there."""
    import torch

    if url is None:
        raise WeightsError(f"{arch}: no pretrained weights are published; put a file at {wanted}")
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(url).path).name
    if cached.is_file():
        return read_state(cached)
    if not is_reachable(url):
        raise WeightsError(offline(arch, url, wanted))
    try:
        content = torch.hub.load_state_dict_from_url(
            url, map_location="cpu", progress=sys.stderr.isatty(), check_hash=True, weights_only=True
        )
    except Exception as error:  # the network, a wrong hash, a broken file
        raise WeightsError(f"{offline(arch, url, wanted)} ({error})") from error
    return unwrap_state(content, url)


def offline(arch: str, url: str, wanted: Path) -> str:
    """What to do where `url` can't be downloaded."""
    return f"{arch}: can't download pretrained weights; fetch {url} elsewhere and put it at {wanted}"


def _sentence(arch: str, where: str, notices: list[str]) -> str:
    notices = [notice.removeprefix(f"{where}: ") for notice in notices]
    return "; ".join([f"{arch}: pretrained weights from {where}", *notices])
