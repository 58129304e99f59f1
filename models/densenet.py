"""DenseNet (Huang et al. 2017)."""

from models.registry import register
from models.torchvision_source import build_torchvision, torchvision_url

NAMES = (
    "densenet121",
    "densenet161",
    "densenet169",
    "densenet201",
)

register(*NAMES, url=torchvision_url)(build_torchvision)
