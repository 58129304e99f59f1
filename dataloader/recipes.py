"""Images of label rows: files, and recipes, which are made when they are read."""

import os

import numpy as np
from PIL import Image

from distortions.stages import SEPARATOR, make_image, parse_stages, split_recipe
from rankiqa.image import read_rgb
from rankiqa.views import View
from utils.errors import ConfigError, ImageError


def read_image(view: View, path: str) -> Image.Image:
    """The image that `path` names, large enough for `view`.

    Args:
        view: how it will be seen.
        path: of a file, or `PHOTOGRAPH::STAGE::...` (distortions/stages.py).

    Raises:
        ImageError: the file, or the photograph of the recipe, can't be read; or it is too small for a stage.
    """
    if SEPARATOR not in path or os.path.isfile(path):  # noqa: PTH113 - a Path can't ask for names of over 255 bytes
        return view.read(path)
    source, stages = split_recipe(path)
    photograph = np.asarray(read_rgb(source, view.max_pixels))
    try:
        return Image.fromarray(make_image(photograph, parse_stages(stages)))
    except (ValueError, ConfigError) as error:
        raise ImageError(f"{path}: can't be made ({error})") from error
