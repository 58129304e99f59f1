"""Families of torchvision; loads it at the first call only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.families import register
from rankiqa.spec import HALF

if TYPE_CHECKING:
    from torch import nn

# networks that take any size from 32 x 32 as they are: convolutions, and Swin, which pads its windows
FAMILIES = {
    "ConvNeXt (Liu et al. 2022)": "convnext_tiny convnext_small convnext_base convnext_large",
    "DenseNet (Huang et al. 2017)": "densenet121 densenet161 densenet169 densenet201",
    "EfficientNet V2 (Tan & Le 2021)": "efficientnet_v2_s efficientnet_v2_m",
    "MNASNet (Tan et al. 2019)": "mnasnet0_5 mnasnet0_75 mnasnet1_0 mnasnet1_3",
    "MobileNet V2 (Sandler et al. 2018)": "mobilenet_v2",
    "MobileNet V3 (Howard et al. 2019)": "mobilenet_v3_small mobilenet_v3_large",
    "RegNet X (Radosavovic et al. 2020)": """regnet_x_400mf regnet_x_800mf regnet_x_1_6gf regnet_x_3_2gf
        regnet_x_8gf regnet_x_16gf regnet_x_32gf""",
    "RegNet Y (Radosavovic et al. 2020)": """regnet_y_400mf regnet_y_800mf regnet_y_1_6gf regnet_y_3_2gf
        regnet_y_8gf regnet_y_16gf regnet_y_32gf regnet_y_128gf""",
    "ResNet (He et al. 2016)": "resnet18 resnet34 resnet50 resnet101 resnet152",
    "ResNeXt (Xie et al. 2017)": "resnext50_32x4d resnext101_32x8d resnext101_64x4d",
    "Wide ResNet (Zagoruyko & Komodakis 2016)": "wide_resnet50_2 wide_resnet101_2",
    "ShuffleNet V2 (Ma et al. 2018)": """shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x1_5
        shufflenet_v2_x2_0""",
    "Swin Transformer (Liu et al. 2021)": "swin_t swin_s swin_b",
    "Swin Transformer V2 (Liu et al. 2022)": "swin_v2_t swin_v2_s swin_v2_b",
    "VGG (Simonyan & Zisserman 2015)": "vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn",
}
HALF_RANGE = "efficientnet_v2_l"  # its weights alone expect x * 2 - 1
# Vision Transformer (Dosovitskiy et al. 2021): patch size, layers, heads, width, width of the hidden layer
VIT_SHAPES = {
    "vit_b_16": (16, 12, 12, 768, 3072),
    "vit_b_32": (32, 12, 12, 768, 3072),
    "vit_l_16": (16, 24, 16, 1024, 4096),
    "vit_l_32": (32, 24, 16, 1024, 4096),
    "vit_h_14": (14, 32, 16, 1280, 5120),
}


def torchvision_url(arch: str) -> str | None:
    """Address of torchvision's best ImageNet weights for `arch`, or None where it publishes none."""
    import torchvision

    weights = getattr(torchvision.models.get_model_weights(arch), "DEFAULT", None)
    return None if weights is None else weights.url


@register(*" ".join(FAMILIES.values()).split(), url=torchvision_url)
@register(HALF_RANGE, url=torchvision_url, mean=HALF, std=HALF)
def build_torchvision(arch: str, num_classes: int, image_size: tuple[int, int]) -> nn.Module:
    """torchvision's network of that name, with its classifier of `num_classes` outputs."""
    import torchvision

    return torchvision.models.get_model(arch, weights=None, num_classes=num_classes)


@register(*VIT_SHAPES, url=torchvision_url)
def build_vit(arch: str, num_classes: int, image_size: tuple[int, int]) -> nn.Module:
    """torchvision's network with its position table resampled for `image_size`; equal to it at 224 x 224."""
    from models.vit_any_size import AnySizeViT

    return AnySizeViT(image_size, *VIT_SHAPES[arch], num_classes=num_classes)
