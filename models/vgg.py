"""VGG (Simonyan & Zisserman 2015), with and without batch normalisation."""

from models.registry import register
from models.torchvision_source import build_torchvision, torchvision_url

NAMES = (
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
)

register(*NAMES, url=torchvision_url)(build_torchvision)
