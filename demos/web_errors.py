"""Why an image of the page has no score, in the language of the page."""

import re
from pathlib import Path
from typing import Any

from demos.web_cards import problem
from utils.errors import ImageError


def name_of(path: str) -> str:
    """What the page calls an upload."""
    return Path(path).name


def reason(error: Exception, path: str, say: dict[str, Any]) -> str:
    """One sentence.

    Args:
        error: ImageError, TimeoutError or another OSError.
        path: of the image.
        say: an entry of `web_text.ANSWERS`.
    """
    if isinstance(error, TimeoutError):  # an OSError too
        return str(say["busy"])
    if not isinstance(error, ImageError):
        return str(say["gone"])
    english = str(error).removeprefix(f"{name_of(path)}: ")
    for pattern, words in say["reasons"].items():
        if found := re.fullmatch(pattern, english):
            return str(words.format(*found.groups()))
    return str(say["reason"].format(english))


def refusal(error: Exception, path: str, say: dict[str, Any]) -> str:
    """The page's box with the image's name and `reason`, which takes the same arguments."""
    why = reason(error, path, say)
    return problem(why if isinstance(error, TimeoutError) else say["refused"].format(name_of(path), why))
