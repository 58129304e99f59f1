"""The last layer of a network: what turns features into logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from utils.errors import ArchError

if TYPE_CHECKING:
    from torch import nn


REASONS = "reasons"  # name of the second head, a child of the layer that gives the score
SCALES = "scales"  # name of the maps to the scales of data sets, another one, of training alone


def head_of(model: nn.Module) -> tuple[str, nn.Linear]:
    """Qualified name and module of the linear layer that gives the logits.

    It is the classifier that timm names where the model is timm's, else the last linear layer outside of the
    second head (`models.reasons`).

    Raises:
        ArchError: the model ends in no single linear layer.
    """
    from torch import nn

    linear = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and REASONS not in name.split(".")
    ]
    classifier = getattr(model, "get_classifier", None)
    if classifier is not None:
        named = classifier()
        linear = [(name, module) for name, module in linear if module is named]
    if not linear:
        raise ArchError(f"{type(model).__name__} ends in no single linear layer; take another architecture")
    return linear[-1]
