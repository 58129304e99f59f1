"""The findings: what each means, and by which measured limit one image has it, alone or among its folder.

The limits of light, sharpness, noise and content were set on every other one of 490 clean photographs and on
damaged versions of some; `benchmarks/clean_findings.py` measures them on the rest (docs/clean.md).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from rankiqa.clean.records import Record
from rankiqa.spec import ModelSpec

FINDINGS = {
    "empty": "a file of no bytes",
    "truncated": "the file ends before the image does",
    "broken": "not an image, or damaged",
    "oversized": "claims more pixels than --max_pixels, or than its bytes can hold; not decoded",
    "unreadable": "can't be opened here: not there, no permission, a disk error, a missing package",
    "exact_duplicate": "the same pixels as another image, in whatever format",
    "near_duplicate": "another version of the same image: resized, compressed, retouched, slightly cropped",
    "dark": "even the highlights are dark",
    "bright": "a large part of the image is clipped",
    "blurred": "no edge is sharp",
    "noisy": "noise even in the calmest places",
    "flat": "no content: one colour, or nearly",
    "grey": "without colour, among images that have colour",
    "odd_size": "far larger or smaller than the others",
    "odd_aspect_ratio": "far longer or taller than the others",
    "score_outlier": "a score far from those of the others, which no other finding explains",
}
UNREAD = ("empty", "truncated", "broken", "oversized", "unreadable")
DUPLICATE = ("exact_duplicate", "near_duplicate")

DARK = 100  # grey level that the highlights stay below
BRIGHT = 0.38  # share of clipped pixels
BLURRED = 0.38  # sharpness
COLOUR_NOISY = 1.8  # grey levels; no texture has that much
NOISY = 15.0  # grey levels of the luminance, as no texture has them in its calmest places
NOISY_TOGETHER = (8.0, 0.75)  # of luminance and colours: fine textures have the first without the second
FLAT = 12.0  # grey levels
GREY = 2.0  # levels of Cb and Cr
COLOURED = 0.8  # share of the readable images that have colour, for a grey one to be told
FENCE = 3.0  # times the distance of the quartiles beyond them: Tukey's "far out", as cleanvision has it
ODD_SCORE = 0.5  # of the spread of the model's scores, at least
ODD_SIZE = 1.0  # at least a factor of two of the side, in powers of two
ODD_RATIO = 2.8  # long side over short side, at least; cleanvision's 0.35
FEWEST = 20  # images of which the others are known


@dataclass(frozen=True)
class Folder:
    """What is usual among the images that could be read.

    Attributes:
        scores: (lowest, highest) that are no outliers.
        sizes: the same of the side of a square of the same area, as a power of two.
        ratio: the highest long side over short side.
        is_coloured: whether most have colour.
    """

    scores: tuple[float, float]
    sizes: tuple[float, float]
    ratio: float
    is_coloured: bool

    @classmethod
    def of(cls, numbers: Mapping[str, np.ndarray], spread: float) -> "Folder":
        """Of all images; of fewer than FEWEST nothing is usual.

        Args:
            numbers: float arrays (N,) of score, width, height and colour; NaN where there is none.
            spread: of the model's scores, see `spread_of`.
        """
        scores = numbers["score"][np.isfinite(numbers["score"])]
        width, height = (numbers[name][numbers[name] > 0] for name in ("width", "height"))
        if len(width) < FEWEST:
            return cls((-np.inf, np.inf), (-np.inf, np.inf), ODD_RATIO, is_coloured=False)
        sizes = np.log2(width * height) / 2
        longer = np.log2(np.maximum(width, height) / np.minimum(width, height))
        coloured = numbers["colour"][np.isfinite(numbers["colour"])] > GREY
        return cls(
            _fences(scores, ODD_SCORE * spread) if len(scores) >= FEWEST else (-np.inf, np.inf),
            _fences(sizes, ODD_SIZE),
            max(ODD_RATIO, float(2 ** _fences(longer)[1])),
            is_coloured=bool(coloured.mean() >= COLOURED),
        )


def spread_of(spec: ModelSpec) -> float:
    """From the 5th to the 95th percentile of the model's validation scores; 0 where they are not known."""
    return spec.score_percentiles[95] - spec.score_percentiles[5] if spec.score_percentiles else 0.0


def _fences(values: np.ndarray, least: float = 0.0) -> tuple[float, float]:
    """FENCE times the interquartile range, or `least` if that is more, beyond the quartiles (Tukey 1977)."""
    low, high = np.percentile(values, (25, 75))
    margin = max(FENCE * (high - low), least)
    return float(low - margin), float(high + margin)


def findings_of(record: Record, folder: Folder, duplicate: str = "") -> list[str]:
    """The findings of an image, in the order of FINDINGS.

    Args:
        record: of the image.
        folder: of all.
        duplicate: "exact_duplicate" or "near_duplicate" if it is one.
    """
    if record.problem:
        return [record.problem]
    found = {duplicate, *_by_pixels(record), *_among_others(record, folder)}
    explained = found & {"dark", "bright", "blurred", "noisy", "flat"}
    if record.score is not None and not explained:
        low, high = folder.scores
        found |= set() if low <= record.score <= high else {"score_outlier"}
    return [name for name in FINDINGS if name in found]


def _by_pixels(record: Record) -> list[str]:
    """Where there is no content, there are no edges whose blur could be told."""
    flat = _is_flat(record)
    limits = {
        "flat": flat,
        "dark": _at_most(record.highlights, DARK, strictly=True),
        "bright": record.clipped is not None and record.clipped >= BRIGHT,
        "blurred": not flat and _at_most(record.sharpness, BLURRED),
        "noisy": _is_noisy(record),
    }
    return [name for name, is_so in limits.items() if is_so]


def _is_flat(record: Record) -> bool:
    return _at_most(record.content, FLAT, strictly=True)


def _is_noisy(record: Record) -> bool:
    luminance, colours = record.noise or 0.0, record.colour_noise or 0.0
    if luminance >= NOISY or colours >= COLOUR_NOISY:
        return True
    return luminance >= NOISY_TOGETHER[0] and (colours >= NOISY_TOGETHER[1] or _at_most(record.colour, GREY))


def _at_most(value: float | None, limit: float, strictly: bool = False) -> bool:
    return value is not None and (value < limit if strictly else value <= limit)


def _among_others(record: Record, folder: Folder) -> list[str]:
    found = []
    if folder.is_coloured and _at_most(record.colour, GREY) and not _is_flat(record):
        found.append("grey")
    width, height = record.width or 1, record.height or 1
    side = np.log2(width * height) / 2
    if side <= folder.sizes[0] or side >= folder.sizes[1]:
        found.append("odd_size")
    if max(width, height) / min(width, height) > folder.ratio:
        found.append("odd_aspect_ratio")
    return found


def detail_of(name: str, record: Record) -> str:
    """What a finding rests on, in a few words."""
    if record.problem == name:
        return record.error
    size = f"{record.width} x {record.height} pixels"
    texts: dict[str, Callable[[], str]] = {
        "dark": lambda: f"highlights {record.highlights:.0f} of 255",
        "bright": lambda: f"{record.clipped:.0%} clipped",
        "blurred": lambda: f"sharpness {record.sharpness:.2f}",
        "noisy": lambda: f"noise {record.noise:.1f}, of colours {record.colour_noise:.1f}",
        "flat": lambda: f"contrast {record.content:.0f} of 255",
        "odd_size": lambda: size,
        "odd_aspect_ratio": lambda: size,
        "score_outlier": lambda: f"score {record.score:.3f}",
    }
    return texts[name]() if name in texts else ""
