"""Backbones by name. Importing this package loads no torch; its functions do when they are called."""

from models import efficientnet, resnest, timm_source, torchvision_source  # noqa: F401  each registers its names
from models.factory import create_model, normalisation
from models.head import head_of
from models.load import load_model, open_model
from models.pretrained import load_pretrained
from models.registry import canonical_arch, list_models
from models.state import fit_state, read_state
from rankiqa.spec import ModelSpec

__all__ = [
    "ModelSpec",
    "canonical_arch",
    "create_model",
    "fit_state",
    "head_of",
    "list_models",
    "load_model",
    "load_pretrained",
    "normalisation",
    "open_model",
    "read_state",
]
