"""Downloads of published weights, and whether one can work at all, found out in seconds."""

from __future__ import annotations

import socket
import sys
import threading
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from models.state import read_state, unwrap_state
from utils.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor


def download_state(arch: str, url: str | None, wanted: Path) -> dict[str, Tensor]:
    """The state dict behind `url`, from the cache of torch.hub if it is there.

    Raises:
        WeightsError: there is no address, or the file can't be had; the message asks for one at `wanted`.
    """
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


def is_reachable(url: str, seconds: float = 3.0) -> bool:
    """Whether the host of `url` answers within `seconds`; taken for granted where a proxy is configured.

    A machine without a network would wait for minutes otherwise. Name look-ups have no time limit of their
    own, hence the thread.
    """
    parts = urlsplit(url)
    if parts.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(parts.hostname or ""):
        return True
    answers: list[bool] = []
    probe = threading.Thread(target=_connect, args=(url, seconds, answers), daemon=True)
    probe.start()
    probe.join(seconds)
    return bool(answers)


def _connect(url: str, seconds: float, answers: list[bool]) -> None:
    parts = urlsplit(url)
    port = parts.port or (80 if parts.scheme == "http" else 443)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=seconds):
            answers.append(True)
    except OSError:
        return
