"""Which images and label files there are."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rankiqa.batch.folders import find_images
from utils.errors import DataError
from utils.image_checks.label_files import LabelFile, find_label_files


@dataclass(frozen=True)
class Images:
    """What there is to check.

    Attributes:
        found: absolute path -> path as it was found, of the images in the folders.
        all: the same of all images, with those that label files name elsewhere.
        labels: the label files.
    """

    found: dict[str, str]
    all: dict[str, str]
    labels: list[LabelFile]


def collect(paths: Sequence[Path]) -> Images:
    """The images among and below `paths` and those that label files there name, each once.

    Raises:
        DataError: a path is not there, or none leads to an image.
        LabelError: a label file can't be read.
    """
    found: dict[str, str] = {}
    labels: dict[str, LabelFile] = {}
    for path in paths:
        if not path.exists():
            raise DataError(f"{path}: no such file or folder; name the images, or the folder that holds them")
        for image in find_images(path) if path.is_dir() else [path]:
            found.setdefault(os.path.abspath(image), str(image))  # noqa: PTH100
        for file in find_label_files(path) if path.is_dir() else []:
            labels.setdefault(os.path.abspath(file.file), file)  # noqa: PTH100
    everything = dict(found)
    for file in labels.values():
        for key, name in file.images.items():
            everything.setdefault(key, name)
    if not everything:
        raise DataError(f"{', '.join(map(str, paths))}: no images there")
    return Images(found, everything, list(labels.values()))
