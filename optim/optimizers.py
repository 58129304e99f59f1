"""Optimisers by name: torch's, those of the package pytorch-optimizer, and two made of its parts."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import nn

from optim.names import OWN, TORCH


def create_optimizer(
    name: str,
    parameters: Iterable[nn.Parameter],
    *,
    lr: float,
    weight_decay: float,
    momentum: float,
    lookahead: bool = False,
    no_decay_norm: bool = False,
    never_decay: Sequence[nn.Parameter] = (),
) -> torch.optim.Optimizer:
    """An optimiser over `parameters`.

    "ralamb" is LAMB (You et al. 2020) with the rectification of RAdam (Liu et al. 2020); "rangerlars" is
    Lookahead (Zhang et al. 2019) over it, with Ranger's 6 steps and 0.5.

    Args:
        name: one of `optim.names.OPTIMIZERS`.
        parameters: all that may ever learn.
        lr, weight_decay: of every parameter.
        momentum: of torch's sgd and rmsprop, and beta1 of its Adam family; the others keep their own.
        lookahead: pull the weights half-way back to where they were 5 steps before, every 5 steps.
        no_decay_norm: no decay of biases and of the scales of norms: parameters of one dimension or none.
        never_decay: those of `parameters` that have none in any case.

    Raises:
        KeyError: an unknown name.
    """
    spared = {id(parameter) for parameter in never_decay}
    usual = [parameter for parameter in parameters if id(parameter) not in spared]
    groups = _groups(usual, weight_decay, no_decay_norm)
    if never_decay:
        groups.append({"params": list(never_decay), "weight_decay": 0.0})
    common = {"lr": lr, "weight_decay": weight_decay}
    if name in TORCH:
        optimizer = _of_torch(name, groups, momentum, common)
    else:
        optimizer = _of_library(name, groups, common)
    if not lookahead:
        return optimizer
    from pytorch_optimizer import Lookahead

    return Lookahead(optimizer)


def _groups(parameters: list[nn.Parameter], weight_decay: float, split: bool) -> list[dict[str, Any]]:
    if not split:
        return [{"params": parameters}]
    matrices = [parameter for parameter in parameters if parameter.ndim > 1]
    vectors = [parameter for parameter in parameters if parameter.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def _of_torch(
    name: str, groups: list[dict[str, Any]], momentum: float, common: dict[str, Any]
) -> torch.optim.Optimizer:
    extra: dict[str, Any] = {}
    if name == "sgd":
        extra = {"momentum": momentum, "nesterov": momentum > 0}
    elif name == "rmsprop":
        extra = {"momentum": momentum}
    elif name not in ("adagrad", "adadelta"):
        extra = {"betas": (momentum, 0.999)}
    if name in FUSED and all(parameter.is_cuda for group in groups for parameter in group["params"]):
        extra["fused"] = True  # one kernel for hundreds of small ones, and no wait where fp16 is scaled
    return TORCH_CLASSES[name](groups, **common, **extra)


def load_optimizer_state(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Put a saved state into `optimizer`.

    How a step is computed belongs to the device, so a run that was saved on a GPU continues on a CPU as one
    that has always been there, and the other way round.
    """
    saved, own = state.get("param_groups", []), optimizer.param_groups
    if len(saved) == len(own):
        kept = [{key: group[key] for key in ("foreach", "fused") if key in group} for group in own]
        groups = [{**old, **new} for old, new in zip(saved, kept, strict=True)]
        state = {**state, "param_groups": groups}
    optimizer.load_state_dict(state)


def _of_library(name: str, groups: list[dict[str, Any]], common: dict[str, Any]) -> torch.optim.Optimizer:
    from pytorch_optimizer import Lamb, Lookahead, load_optimizer

    if name not in OWN:
        return load_optimizer(name)(groups, **common)
    ralamb = Lamb(groups, rectify=True, **common)
    return ralamb if name == "ralamb" else Lookahead(ralamb, k=6, alpha=0.5)


FUSED = ("adam", "adamw", "sgd")
TORCH_CLASSES: dict[str, Any] = {
    "adadelta": torch.optim.Adadelta,
    "adagrad": torch.optim.Adagrad,
    "adam": torch.optim.Adam,
    "adamax": torch.optim.Adamax,
    "adamw": torch.optim.AdamW,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}
