"""Images of label rows: files, and recipes, which are made when they are read."""

from pathlib import Path

import numpy as np
from PIL import Image

from distortions.stages import SEPARATOR, make_image, parse_stages, split_recipe
from rankiqa.image import read_rgb
from rankiqa.views import View


def read_image(view: View, path: str) -> Image.Image:
    """The image that `path` names, large enough for `view`.

    Args:
        view: how it will be seen.
        path: of a file, or `PHOTOGRAPH::STAGE::...` (distortions/stages.py).

    Raises:
        ImageError: the file, or the photograph of the recipe, can't be read.
    """
    if SEPARATOR not in path or Path(path).exists():
        return view.read(path)
    source, stages = split_recipe(path)
    photograph = np.asarray(read_rgb(source, view.max_pixels))
    return Image.fromarray(make_image(photograph, parse_stages(stages)))
