"""RegNet X and Y (Radosavovic et al. 2020)."""

from models.registry import register
from models.torchvision_source import build_torchvision, torchvision_url

NAMES = (
    "regnet_x_400mf",
    "regnet_x_800mf",
    "regnet_x_1_6gf",
    "regnet_x_3_2gf",
    "regnet_x_8gf",
    "regnet_x_16gf",
    "regnet_x_32gf",
    "regnet_y_400mf",
    "regnet_y_800mf",
    "regnet_y_1_6gf",
    "regnet_y_3_2gf",
    "regnet_y_8gf",
    "regnet_y_16gf",
    "regnet_y_32gf",
    "regnet_y_128gf",
)

register(*NAMES, url=torchvision_url)(build_torchvision)
