"""EfficientNet V2 (Tan & Le 2021)."""

from models.registry import register
from models.torchvision_source import build_torchvision, torchvision_url

NAMES = (
    "efficientnet_v2_s",
    "efficientnet_v2_m",
    "efficientnet_v2_l",
)

register(*NAMES, url=torchvision_url)(build_torchvision)
