"""Optimisers of torch by name."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn


def create_optimizer(
    name: str, parameters: Iterable[nn.Parameter], *, lr: float, weight_decay: float, momentum: float
) -> torch.optim.Optimizer:
    """An optimiser over `parameters`; `momentum` is that of sgd and rmsprop, and beta1 of the Adam family.

    Raises:
        KeyError: `name` is not one of `optim.names.OPTIMIZERS`.
    """
    common: dict[str, Any] = {"lr": lr, "weight_decay": weight_decay}
    builders = {
        "sgd": lambda: torch.optim.SGD(parameters, momentum=momentum, nesterov=momentum > 0, **common),
        "rmsprop": lambda: torch.optim.RMSprop(parameters, momentum=momentum, **common),
        "adam": lambda: torch.optim.Adam(parameters, betas=(momentum, 0.999), **common),
        "adamw": lambda: torch.optim.AdamW(parameters, betas=(momentum, 0.999), **common),
        "nadam": lambda: torch.optim.NAdam(parameters, betas=(momentum, 0.999), **common),
        "radam": lambda: torch.optim.RAdam(parameters, betas=(momentum, 0.999), **common),
    }
    return builders[name]()
