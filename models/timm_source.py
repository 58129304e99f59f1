"""All of timm (Wightman 2019) under names "timm/NAME"; imports timm at the first call only."""

from __future__ import annotations

import difflib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.download import is_reachable, offline
from models.head import head_of
from models.registry import Source, register_source, unknown_arch
from rankiqa.spec import IMAGENET_MEAN, IMAGENET_STD, Triple
from utils.errors import ArchError, WeightsError

if TYPE_CHECKING:
    from torch import Tensor, nn

PREFIX = "timm/"
HUB = "https://huggingface.co"
# the ways in which timm's networks are told their size, best first; those that need none take no option
SIZE_OPTIONS = ("dynamic_img_size", "img_size", None)


class Timm(Source):
    """The source of timm's networks and weights."""

    prefix = PREFIX

    def names(self) -> list[str]:
        """See Source."""
        return list(_timm().list_models())

    def canonical(self, spelling: str) -> str:
        """See Source; a ".tag" of certain weights is kept."""
        timm = _timm()
        base, dot, tag = spelling.partition(".")
        base = base.replace("-", "_")
        known = timm.list_models()
        if base not in known:
            near = difflib.get_close_matches(base, known, n=4, cutoff=0.6)
            raise unknown_arch(PREFIX + spelling, [PREFIX + other for other in near])
        full = base + dot + tag
        if tag and full not in (tagged := timm.list_pretrained(base + ".*")):
            raise unknown_arch(PREFIX + spelling, [PREFIX + other for other in tagged])
        return full

    def create(self, name: str, num_classes: int, image_size: tuple[int, int]) -> nn.Module:
        """timm's network, told its size where it asks for one, and tried once on a black image of that size.

        Raises:
            ArchError: the network can't take the size, or does not end in one linear layer of `num_classes`.
        """
        import torch

        try:
            model = _create(name, num_classes, image_size)
            with torch.no_grad():
                logits = model.eval()(torch.zeros(1, 3, *image_size))
        except (AssertionError, RuntimeError, TypeError, ValueError) as error:
            height, width = image_size
            reason = str(error).strip().split("\n")[0]
            raise ArchError(
                f"{PREFIX}{name} can't be built for image_size {height} {width}: {reason}"
            ) from error
        if head_of(model)[1].out_features != num_classes or tuple(logits.shape) != (1, num_classes):
            raise ArchError(f"{PREFIX}{name} does not end in a linear layer with logits (B, {num_classes})")
        return model.train()

    def normalisation(self, name: str, pretrained: bool) -> tuple[Triple, Triple]:
        """See Source; ImageNet's without weights, and where timm says nothing."""
        cfg = _timm().get_pretrained_cfg(name) if pretrained else None
        if cfg is None:
            return IMAGENET_MEAN, IMAGENET_STD
        mean, std = cfg.mean, cfg.std
        return (mean[0], mean[1], mean[2]), (std[0], std[1], std[2])

    def load_published(
        self, model: nn.Module, name: str, wanted: Path, advprop: bool
    ) -> tuple[str, list[str]]:
        """See Source."""
        from timm.models import load_pretrained

        arch = PREFIX + name
        cfg: dict[str, Any] = dict(model.pretrained_cfg)  # type: ignore[arg-type]
        url = _address(cfg)
        if url is None:
            raise WeightsError(f"{arch}: timm publishes no weights of it; put a file at {wanted}")
        if not _is_cached(cfg) and not is_reachable(url):
            raise WeightsError(offline(arch, url, wanted))
        head_name, head = head_of(model)
        try:
            load_pretrained(
                model,
                cfg,
                num_classes=head.out_features,
                filter_fn=lambda state, model: self.converted(model, state),
            )
        except Exception as error:  # the network, a broken file, weights of another shape
            raise WeightsError(f"{arch}: can't load {url} ({error}); put a file at {wanted}") from error
        if head.out_features == cfg.get("num_classes"):
            return url, []
        held = f"it holds a head of {cfg.get('num_classes')} outputs"
        return url, [f"{held}, the network needs {head.out_features}; the head ({head_name}) starts anew"]

    def converted(self, model: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """`state` through timm's own converter for files of earlier or foreign layout, where there is one."""
        convert = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
        return state if convert is None else convert(state, model)


def _timm() -> Any:
    try:
        import timm
    except ImportError as error:
        raise ArchError("architectures named timm/NAME need the package timm: pip install timm") from error
    return timm


def _create(name: str, num_classes: int, image_size: tuple[int, int]) -> nn.Module:
    for option in SIZE_OPTIONS:
        options: dict[str, Any] = {"img_size": image_size} if option == "img_size" else {}
        if option == "dynamic_img_size":
            # keeps the grid of the pretrained position table, so that any weights fit
            options = {"dynamic_img_size": True, "dynamic_img_pad": True}
        try:
            return _timm().create_model(name, pretrained=False, num_classes=num_classes, **options)
        except TypeError as error:
            if "unexpected keyword argument" not in str(error) or not options:
                raise
    raise AssertionError("the last option is none")


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


register_source(Timm())
