"""Reasons: the families of damage that a model can name beside its score, in words."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# family: its name in English and in Chinese
WORDS = {
    "noise": ("noise", "噪点"),
    "defocus": ("out of focus", "失焦模糊"),
    "motion_blur": ("motion blur", "运动模糊"),
    "blocks": ("compression blocks (JPEG)", "压缩块效应（JPEG）"),
    "smear": ("smeared detail", "细节涂抹"),
    "banding": ("banding", "色带"),
    "dark": ("too dark", "过暗"),
    "bright": ("too bright or clipped", "过亮或高光溢出"),
    "haze": ("low contrast or haze", "对比度低或雾气"),
    "colour_cast": ("colour cast", "偏色"),
    "halos": ("halos at edges", "边缘光晕"),
    "enlarged": ("enlarged or pixelated", "放大或像素化"),
    "transmission": ("transmission errors", "传输错误"),
}
FAMILIES = tuple(WORDS)
LANGUAGES = ("en", "zh")
THRESHOLD = 0.5  # the probability from which on a family is named
MOST = 3  # reasons per image
OF_REASONS = ("reasons", "severities")  # outputs of a file with a second head, (B, K) each


class Reason(NamedTuple):
    """Damage that is visible in an image.

    Attributes:
        family: a key of WORDS, or a name that a later version of the program has given.
        probability: that it is visible, in [THRESHOLD, 1].
        severity: from 0 to 1.
    """

    family: str
    probability: float
    severity: float

    def words(self, language: str = "en") -> str:
        """The family in words of "en" or "zh"."""
        return in_words(self.family, language)


def in_words(family: str, language: str = "en") -> str:
    """A family in words; its own name, with spaces, where this version has none for it.

    Args:
        family: of ModelSpec.reasons.
        language: "en" or "zh".
    """
    words = WORDS.get(family)
    return family.replace("_", " ") if words is None else words[LANGUAGES.index(language)]


def strongest(
    families: Sequence[str], probabilities: np.ndarray, severities: np.ndarray, most: int = MOST
) -> list[Reason]:
    """The reasons of one image, the strongest first: by probability times severity.

    Args:
        families: K names.
        probabilities, severities: (K,) in 0..1.
        most: reasons at the most.

    Returns:
        Empty for an image without a family of probability THRESHOLD or more.
    """
    named = np.flatnonzero(probabilities >= THRESHOLD)
    order = named[np.argsort(-(probabilities * severities)[named], kind="stable")][:most]
    return [Reason(families[k], float(probabilities[k]), float(severities[k])) for k in order]
