"""All of timm (Wightman 2019) under names "timm/NAME"; imports timm at the first call only."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from models.head import head_of
from models.registry import TIMM, register, unknown_arch
from utils.errors import ArchError

if TYPE_CHECKING:
    from torch import nn

# the ways in which timm's networks are told their size, best first; those that need none take no option
SIZE_OPTIONS = ("dynamic_img_size", "img_size", None)


def _timm() -> Any:
    try:
        import timm
    except ImportError as error:
        raise ArchError("architectures named timm/NAME need the package timm: pip install timm") from error
    return timm


def timm_names() -> list[str]:
    """Names of timm's architectures, without the prefix."""
    return list(_timm().list_models())


def canonical_timm(name: str) -> str:
    """The registered spelling of a lower-case name without prefix; a ".tag" of certain weights is kept.

    Raises:
        ArchError: timm is not installed or has no such model, or no such tag of it.
    """
    timm = _timm()
    base, dot, tag = name.partition(".")
    base = base.replace("-", "_")
    known = timm.list_models()
    if base not in known:
        near = difflib.get_close_matches(base, known, n=4, cutoff=0.6)
        raise unknown_arch(TIMM + name, [TIMM + other for other in near])
    full = base + dot + tag
    if tag and full not in timm.list_pretrained(base + ".*"):
        raise unknown_arch(TIMM + name, [TIMM + other for other in timm.list_pretrained(base + ".*")])
    return full


@register(TIMM)
def build_timm(arch: str, num_classes: int, image_size: tuple[int, int]) -> nn.Module:
    """timm's network, told its size where it asks for one, and tried once on a black image of that size.

    Raises:
        ArchError: the network can't take the size, or does not end in one linear layer of `num_classes`.
    """
    import torch

    try:
        model = _create(arch[len(TIMM) :], num_classes, image_size)
        with torch.no_grad():
            logits = model.eval()(torch.zeros(1, 3, *image_size))
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        height, width = image_size
        reason = str(error).strip().split("\n")[0]
        raise ArchError(f"{arch} can't be built for image_size {height} {width}: {reason}") from error
    if head_of(model)[1].out_features != num_classes or tuple(logits.shape) != (1, num_classes):
        raise ArchError(f"{arch} does not end in a linear layer with logits (B, {num_classes})")
    return model.train()


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
