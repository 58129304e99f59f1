"""EfficientNet V2 (Tan & Le 2021)."""

from models.registry import register
from models.torchvision_source import build_torchvision, torchvision_url
from rankiqa.spec import HALF

NAMES = ("efficientnet_v2_s", "efficientnet_v2_m")
NAMES_HALF = ("efficientnet_v2_l",)  # torchvision's weights of the large one alone expect x * 2 - 1

register(*NAMES, url=torchvision_url)(build_torchvision)
register(*NAMES_HALF, url=torchvision_url, mean=HALF, std=HALF)(build_torchvision)
