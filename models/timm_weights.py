"""Pretrained weights of timm's networks."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.head import head_of
from models.reachable import is_reachable
from models.registry import TIMM
from rankiqa.spec import IMAGENET_MEAN, IMAGENET_STD, Triple
from utils.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor, nn

HUB = "https://huggingface.co"


def timm_normalisation(arch: str) -> tuple[Triple, Triple]:
    """(mean, std) that timm's weights for "timm/NAME" expect."""
    import timm

    cfg = timm.get_pretrained_cfg(arch[len(TIMM) :])
    if cfg is None:
        return IMAGENET_MEAN, IMAGENET_STD
    mean, std = cfg.mean, cfg.std
    return (mean[0], mean[1], mean[2]), (std[0], std[1], std[2])


def filter_state(model: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """`state` through timm's own converter for files of earlier or foreign layout, where there is one."""
    convert = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    return state if convert is None else convert(state, model)


def download_timm(model: nn.Module, arch: str, wanted: Path) -> tuple[str, list[str]]:
    """Load timm's published weights into its `model`; return their address and notices.

    Raises:
        WeightsError: there are none, or they can't be had; the message asks for a file at `wanted`.
    """
    from timm.models import load_pretrained

    cfg: dict[str, Any] = dict(model.pretrained_cfg)  # type: ignore[arg-type]
    url = _address(cfg)
    if url is None:
        raise WeightsError(f"{arch}: timm publishes no weights of it; put a file at {wanted}")
    if not _is_cached(cfg) and not is_reachable(url):
        raise WeightsError(
            f"{arch}: can't download pretrained weights; fetch {url} elsewhere and put it at {wanted}"
        )
    name, head = head_of(model)
    try:
        load_pretrained(
            model,
            cfg,
            num_classes=head.out_features,
            filter_fn=lambda state, model: filter_state(model, state),
        )
    except Exception as error:  # the network, a broken file, weights of another shape
        raise WeightsError(f"{arch}: can't load {url} ({error}); put a file at {wanted}") from error
    if head.out_features == cfg.get("num_classes"):
        return url, []
    held = f"it holds a head of {cfg.get('num_classes')} outputs"
    return url, [f"{held}, the network needs {head.out_features}; the head ({name}) starts anew"]


def _address(cfg: dict[str, Any]) -> str | None:
    if cfg.get("hf_hub_id"):
        return f"{os.environ.get('HF_ENDPOINT', HUB)}/{cfg['hf_hub_id']}/resolve/main/pytorch_model.bin"
    return cfg.get("url") or None


def _is_cached(cfg: dict[str, Any]) -> bool:
    import torch

    if cfg.get("hf_hub_id"):
        from huggingface_hub import try_to_load_from_cache

        files = ("model.safetensors", "pytorch_model.bin")
        return any(isinstance(try_to_load_from_cache(cfg["hf_hub_id"], file), str) for file in files)
    return (Path(torch.hub.get_dir()) / "checkpoints" / Path(cfg["url"]).name).is_file()
