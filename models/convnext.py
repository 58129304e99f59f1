"""ConvNeXt (Liu et al. 2022)."""

from models.registry import register
from models.torchvision_source import build_torchvision, torchvision_url

NAMES = (
    "convnext_tiny",
    "convnext_small",
    "convnext_base",
    "convnext_large",
)

register(*NAMES, url=torchvision_url)(build_torchvision)
