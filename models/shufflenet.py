"""ShuffleNet V2 (Ma et al. 2018)."""

from models.registry import register
from models.torchvision_source import build_torchvision, torchvision_url

NAMES = (
    "shufflenet_v2_x0_5",
    "shufflenet_v2_x1_0",
    "shufflenet_v2_x1_5",
    "shufflenet_v2_x2_0",
)

register(*NAMES, url=torchvision_url)(build_torchvision)
