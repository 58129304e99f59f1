"""Images of label rows: files, and recipes, which are made when they are read."""

import os
from functools import cache

import numpy as np
from PIL import Image

from distortions.stages import SEPARATOR, make_image, parse_stages, split_recipe
from rankiqa.image import read_rgb
from rankiqa.views import View
from utils.errors import ConfigError, ImageError


def is_recipe(path: str) -> bool:
    """Whether an image is made, and `path` is not the name of a file."""
    return SEPARATOR in path and not os.path.isfile(path)  # noqa: PTH113 - a Path can't ask for names of over 255 bytes


def read_image(view: View, path: str) -> Image.Image:
    """The image that `path` names, large enough for `view`.

    Args:
        view: how it will be seen.
        path: of a file, or `PHOTOGRAPH::STAGE::...` (distortions/stages.py).

    Raises:
        ImageError: the file, or the photograph of the recipe, can't be read; or it is too small for a stage.
    """
    if not is_recipe(path):
        return view.read(path)
    _use_one_thread()
    source, stages = split_recipe(path)
    photograph = np.asarray(read_rgb(source, view.max_pixels))
    try:
        return Image.fromarray(make_image(photograph, parse_stages(stages)))
    except (ValueError, ConfigError) as error:
        raise ImageError(f"{path}: can't be made ({error})") from error


@cache
def _use_one_thread() -> None:
    """Workers are as many as there are cores; in each OpenCV would start as many threads again."""
    import cv2
    from torch.utils.data import get_worker_info

    if get_worker_info() is not None:
        cv2.setNumThreads(1)
