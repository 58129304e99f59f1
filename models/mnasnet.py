"""MNASNet (Tan et al. 2019)."""

from models.registry import register
from models.torchvision_source import build_torchvision, torchvision_url

NAMES = (
    "mnasnet0_5",
    "mnasnet0_75",
    "mnasnet1_0",
    "mnasnet1_3",
)

register(*NAMES, url=torchvision_url)(build_torchvision)
