"""`--jit`: --resume as a TorchScript file that needs nothing but torch."""

import logging
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from applications.model_setup import trained_model
from config import Config
from dataloader.image import find_pictures, read_rgb
from dataloader.views import View
from deploy.torchscript import export_torchscript
from models.normalise import to_unit
from models.spec import ModelSpec
from utils.checkpoint import file_arch
from utils.errors import ImageError

PICTURES = 8
DEMO_PICTURES = Path(__file__).resolve().parent.parent / "demos" / "images"


def run(config: Config) -> int:
    """Write CHECKPOINT_DIR/jit_{arch}.pt after comparing it with the model on real pictures and on noise."""
    network, spec, _ = trained_model(config)
    path = config.checkpoint_dir / f"jit_{file_arch(spec.arch)}.pt"
    pictures = _real_pictures(config.data, spec)
    worst = export_torchscript(network, spec, path, pictures)
    count = 0 if pictures is None else len(pictures)
    print(f"{path}: {path.stat().st_size / 2**20:.1f} MiB, score and logits of {spec.arch}")
    print(f"largest difference from the model: {worst:.1e}, on {count} real crops and on noise")
    return 0


def _real_pictures(data: Path, spec: ModelSpec) -> Tensor | None:
    """Crops of a few pictures of DATA, or of the demo's: (M, 3, H, W) in [0, 1]; None when there are none."""
    view = View(spec.view, spec.image_size, spec.patches)
    crops: list[Tensor] = []
    for path in _candidates(data):
        try:
            crops.append(view.evaluate(read_rgb(path)))
        except ImageError as error:
            logging.warning("%s", error)
    return to_unit(torch.cat(crops)) if crops else None


def _candidates(data: Path) -> list[Path]:
    for folder in (data / "test", data / "val", DEMO_PICTURES):
        if folder.is_dir():
            found = list(islice(find_pictures(folder), PICTURES))
            if found:
                return found
    return []
