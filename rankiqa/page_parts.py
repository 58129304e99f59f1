"""What pages that open from disk share: their template, thumbnails, and links to the images."""

import base64
import io
import logging
import os
from pathlib import Path
from typing import Any

from rankiqa.batch.storage import is_url, read_image
from rankiqa.decoding.limits import MAX_PIXELS
from rankiqa.errors import ImageError
from rankiqa.optional import require
from rankiqa.video.reading import read_frame

SIDE = 220  # pixels of a thumbnail
TEMPLATES = Path(__file__).resolve().parent / "templates"


def open_template(name: str) -> Any:
    """A template of jinja2, which escapes whatever is put in.

    Raises:
        ConfigError: jinja2 is not installed.
    """
    jinja2 = require("jinja2", "--report")
    return jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True).get_template(name)


def thumbnail(path: str, pixels: int = 0, time: float | None = None) -> str | None:
    """A small JPEG of the image, in base64; None, with a notice, where it can't be read any more.

    Args:
        path: of the image or video, or its URL.
        pixels: how many it has: --max_pixels has let them pass before.
        time: of the frame of a video, in seconds.
    """
    pixels = max(MAX_PIXELS, pixels)
    try:
        if time is None:
            image, _ = read_image(path, (SIDE, SIDE), pixels)
        else:
            image = read_frame(path, time, pixels)
    except ImageError as error:
        logging.warning("no thumbnail: %s", error)
        return None
    image.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=82)
    return base64.b64encode(buffer.getvalue()).decode()


def link_to(path: str, parent: Path, time: float | None = None) -> str:
    """Where a page in `parent` finds the image: relative, so that folder and page can move together.

    A `time` is one of a video: browsers begin to play there (W3C Media Fragments, 4.2.1).
    """
    return _link(path, parent) + ("" if time is None else f"#t={time:g}")


def _link(path: str, parent: Path) -> str:
    from urllib.parse import quote

    if is_url(path):
        return path
    try:
        return quote(os.fsencode(os.path.relpath(path, parent)))
    except ValueError:  # another drive
        return quote(os.fsencode(Path(path).resolve().as_uri()))
