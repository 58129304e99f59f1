"""`--reasons`: the second head of a network that is to be trained, and what it learns from."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from applications.setup.data import view_of
from applications.setup.origins import Origin, origins_of
from config import Config
from criterions.reasons_loss import ReasonsLoss
from dataloader.labels import Labels
from dataloader.reasons import ReasonLabels, reason_labels
from distortions import level_of
from models.head import REASONS, head_of
from models.reasons import add_reasons, reasons_head
from rankiqa.reasons import FAMILIES
from rankiqa.spec import ModelSpec

KEPT = ("arch", "num_classes", "image_size", "view", "patches")  # of a model whose scores stay what they are


def learns_reasons_alone(config: Config) -> bool:
    """Whether nothing but the second head learns in the whole run, so that scores stay what they are."""
    return config.reasons and config.resume is not None and config.freeze_backbone >= config.epochs


def start_reasons(
    config: Config,
    network: nn.Module,
    spec: ModelSpec,
    stored: ModelSpec | None,
    state: dict[str, Tensor],
) -> tuple[nn.Module, ModelSpec]:
    """`network` and `spec` with the second head that --reasons asks for, from --resume where it has one.

    Args:
        spec: of the flags.
        stored: of the file of --resume.
        state: its state dict; {} without one.
    """
    held = () if stored is None else stored.reasons
    if not config.reasons:
        if held:
            logging.warning("the reasons of %s are left out; --reasons trains them, too", config.resume)
        return network, spec
    add_reasons(network, len(FAMILIES))
    if held == FAMILIES:
        prefix = f"{head_of(network)[0]}.{REASONS}."
        own = {name.split(prefix)[1]: tensor for name, tensor in state.items() if prefix in name}
        _second(network).load_state_dict(own)
    elif held:
        logging.warning("%s tells other reasons: their head starts anew", config.resume)
    return network, spec.with_(reasons=FAMILIES)


def _second(network: nn.Module) -> nn.Module:
    head = reasons_head(network)
    assert head is not None
    return head


@dataclass(frozen=True)
class ReasonsTraining:
    """What the second head learns from: its loss, and labels by the numbers of images.

    Attributes:
        criterion: of its outputs.
        presence, severity: float32 (M, K), see `ReasonLabels`.
    """

    criterion: nn.Module
    presence: Tensor
    severity: Tensor

    def loss(self, outputs: Tensor, numbers: Tensor) -> Tensor:
        """The loss () of the second head's (B, 2 K) for images of these numbers (B,), on the CPU.

        0 for images without a number, which stand in for rows that could not be read.
        """
        if len(numbers) != len(outputs):
            return outputs.sum() * 0.0
        presence, severity = (
            values[numbers].to(outputs.device, non_blocking=True) for values in (self.presence, self.severity)
        )
        loss: Tensor = self.criterion(outputs, presence, severity)
        return loss


def labels_of_reasons(config: Config, spec: ModelSpec, labels: Labels) -> ReasonLabels:
    """The damage of the images of `labels`, from recipes and the table beside the labels.

    Raises:
        DataError: nothing is known of any image.
    """
    types = [kind for part in labels.sets for kind in _types(origins_of(part))]
    return reason_labels(labels, view_of(config, spec), types)


def _types(origins: Sequence[Origin]) -> list[tuple[str, float]]:
    """Type and level of each image of one table; a table with fewer or more levels cuts the ladder anew."""
    steps = max((origin.level for origin in origins), default=0)
    return [
        (origin.type, level_of(origin.level, steps) if origin.level > 0 else origin.level)
        for origin in origins
    ]


def reasons_training(config: Config, spec: ModelSpec, labels: Labels) -> ReasonsTraining | None:
    """What the second head of `spec` learns from; None: it has none."""
    if not spec.reasons:
        return None
    found = labels_of_reasons(config, spec, labels)
    known = np.isfinite(found.presence)
    logging.info(
        "reasons: %d of %d images of %s have known damage, %.1f families each are visible",
        *(int(found.known.sum()), len(known), labels.where),
        np.nansum(found.presence) / max(1, int(found.known.sum())),
    )
    presence, severity = map(torch.from_numpy, (found.presence, found.severity))
    return ReasonsTraining(ReasonsLoss(config.reasons_weight), presence, severity)
