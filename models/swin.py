"""Swin Transformer (Liu et al. 2021) and its V2 (Liu et al. 2022); windows are padded to fit any input."""

from models.registry import register
from models.torchvision_source import build_torchvision, torchvision_url

NAMES = (
    "swin_t",
    "swin_s",
    "swin_b",
    "swin_v2_t",
    "swin_v2_s",
    "swin_v2_b",
)

register(*NAMES, url=torchvision_url)(build_torchvision)
