"""MobileNet V2 (Sandler et al. 2018) and V3 (Howard et al. 2019)."""

from models.registry import register
from models.torchvision_source import build_torchvision, torchvision_url

NAMES = (
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
)

register(*NAMES, url=torchvision_url)(build_torchvision)
