"""Loss and optimiser: as the flags say, or as a model was trained."""

from typing import Any

import torch
from torch import nn

from config import Config
from criterions.factory import create_criterion, objective_flags
from criterions.regress_loss import SetsRegressLoss
from models.scales import scales_of
from optim.optimizers import create_optimizer
from rankiqa.spec import ModelSpec


def new_criterion(config: Config, network: nn.Module) -> nn.Module:
    """Criterion to train with: `criterion(logits (M, N), pair_index (R, 2 or 1), targets)` -> scalar.

    Where `network` has scales of K data sets, it takes scores on them, (M, K), in place of logits.
    """
    scales = scales_of(network)
    if scales is not None:
        return SetsRegressLoss(scales.mean, scales.deviation, config.rank_weight)
    return evaluation_criterion(config)


def evaluation_criterion(config: Config) -> nn.Module:
    """The criterion of a single data set, which validation takes of each."""
    return create_criterion(config.criterion, **{name: getattr(config, name) for name in objective_flags()})


def trained_criterion(config: Config, spec: ModelSpec, flags: dict[str, Any]) -> nn.Module:
    """Criterion to evaluate a model with: as given, else as it was trained.

    Args:
        config: whose `given` flags win.
        spec: of the model, which says the loss of a rank model.
        flags: that it was trained with; empty where its file has none.
    """
    values = {
        name: getattr(config, name) if name in config.given else flags.get(name, getattr(config, name))
        for name in objective_flags()
    }
    return create_criterion(spec.criterion, **{**values, "rank_loss": spec.rank_loss})


def new_optimizer(config: Config, network: nn.Module, lr: float | None = None) -> torch.optim.Optimizer:
    """Optimizer over the parameters of `network`; `lr` stands in for --lr. Its scales don't decay."""
    scales = scales_of(network)
    return create_optimizer(
        config.optimizer,
        network.parameters(),
        lr=config.lr if lr is None else lr,
        weight_decay=config.weight_decay,
        momentum=config.momentum,
        lookahead=config.lookahead,
        no_decay_norm=config.no_decay_norm,
        never_decay=[] if scales is None else list(scales.parameters()),
    )
