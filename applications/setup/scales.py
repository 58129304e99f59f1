"""`--criterion regress` on several data sets: the maps to their scales, which learn beside the network."""

import torch
from torch import Tensor, nn

from applications.setup.model import new_model
from config import Config
from dataloader.labels import Labels
from models.head import SCALES, head_of
from models.scales import SetScales, add_scales
from rankiqa.spec import ModelSpec
from utils.errors import LabelError


def has_scales(labels: Labels) -> bool:
    """Whether a model learns the scales of the sets of `labels`: MOS of several sets."""
    return labels.task == "regress" and bool(labels.parts)


def mos_moments(labels: Labels) -> tuple[Tensor, Tensor]:
    """(K,) means and (K,) deviations of the MOS of the sets of `labels`.

    Raises:
        LabelError: all MOS of a set are equal, so that it has no scale.
    """
    for part in labels.sets:
        if not part.targets.std() > 0:
            raise LabelError(
                f"{part.source}: all {len(part)} rows have the MOS {part.targets[0]:g}, which tells "
                "nothing of the scale of this set; leave the set out"
            )
    means, deviations = zip(*((part.targets.mean(), part.targets.std()) for part in labels.sets), strict=True)
    return torch.tensor(means, dtype=torch.float32), torch.tensor(deviations, dtype=torch.float32)


def new_model_for(config: Config, labels: Labels) -> tuple[nn.Module, ModelSpec]:
    """`new_model` for `labels` to train on, with scales where they are MOS of several sets."""
    scaled = has_scales(labels)
    network, spec = new_model(config, None if scaled else labels.targets)
    if scaled:
        _new_scales(network, labels, spec.num_classes)
    return network, spec


def _new_scales(network: nn.Module, labels: Labels, num_classes: int) -> SetScales:
    """Scales of the sets of `labels`, added to `network`, as scores of a new head meet them.

    Such scores lie around 0, or for N > 1 in the middle of 1..N, with a deviation of about 1.
    """
    centre, unit = ((1 + num_classes) / 2, (num_classes - 1) / 4) if num_classes > 1 else (0.0, 1.0)
    scales = SetScales(*mos_moments(labels), centre, unit)
    add_scales(network, scales)
    return scales


def held_scales(network: nn.Module, labels: Labels, state: dict[str, Tensor]) -> None:
    """Add to `network` the scales that a run on `labels` has, from the state dict in its checkpoint."""
    if not has_scales(labels):
        return
    name, head = head_of(network)
    scales = _new_scales(network, labels, head.out_features)
    prefix = f"{name}.{SCALES}."
    scales.load_state_dict({key.split(prefix)[1]: value for key, value in state.items() if prefix in key})


def scales_by_name(scales: SetScales | None, labels: Labels) -> dict[str, dict[str, float]]:
    """What a ModelSpec says of `scales`, by the names of the sets of `labels`; {} of None."""
    if scales is None:
        return {}
    return {part.set_name: found for part, found in zip(labels.sets, scales.as_maps(), strict=True)}
