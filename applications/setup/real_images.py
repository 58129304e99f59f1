"""Real images that conversions compare themselves on, and that INT8 is calibrated with."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rankiqa.batch.folders import find_images
from rankiqa.image import read_rgb
from rankiqa.spec import ModelSpec
from utils.errors import DataError, ImageError

IMAGES = 8
DEMO_IMAGES = Path(__file__).resolve().parents[2] / "demos" / "images"


def real_crops(data: Sequence[Path], spec: ModelSpec) -> list[np.ndarray]:
    """The crops of each of a few images of the folders of --data, or of the demo's: uint8 (P, 3, H, W)."""
    view = spec.make_view()
    crops: list[np.ndarray] = []
    for path in _candidates(data):
        try:
            crops.append(view.evaluate(read_rgb(path)))
        except ImageError as error:
            logging.warning("%s", error)
    return crops


def _candidates(data: Sequence[Path]) -> list[Path]:
    for folder in (*(one / split for one in data for split in ("test", "val")), DEMO_IMAGES):
        if folder.is_dir():
            found = find_images(folder, told=False)[:IMAGES]
            if found:
                return found
    return []


class CalibrationImages(Sequence[np.ndarray]):
    """The readable images of a folder, each as uint8 (P, 3, H, W), decoded anew at every access.

    Args:
        folder: searched recursively.
        spec: says the view.
        most: images that are taken, evenly spread over the sorted names.

    Raises:
        DataError: the folder is not there, or holds no image that can be read.
    """

    def __init__(self, folder: Path, spec: ModelSpec, most: int = 400) -> None:
        if not folder.is_dir():
            raise DataError(f"--calibration {folder}: no such folder")
        self._view = spec.make_view()
        found = find_images(folder)
        step = max(1, -(-len(found) // most))
        self._paths = [path for path in found[::step] if _readable(path)]
        if not self._paths:
            raise DataError(f"--calibration {folder}: no image in it can be read")

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, number):  # type: ignore[no-untyped-def]
        """The crops of one image."""
        return self._view.evaluate(read_rgb(self._paths[number]))


def _readable(path: Path) -> bool:
    try:
        read_rgb(path)
    except ImageError as error:
        logging.warning("left out: %s", error)
        return False
    return True
