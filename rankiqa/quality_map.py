"""Where in an image quality is lost: a heat map over it, with a scale."""

import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from rankiqa.batch.storage import read_image
from rankiqa.decoding.limits import MAX_PIXELS
from rankiqa.score import score_ends
from rankiqa.scorer import Scorer
from rankiqa.terminal.printable import one_line
from rankiqa.video.reading import read_frame

MOST_PATCHES = 400  # an image; of larger ones the patches lie farther apart
GRID = 8  # places of the occluding window along each side, unless the view is "patches"
CJK_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Micro Hei",
    "Microsoft YaHei", "PingFang SC", "Arial Unicode MS", "SimHei",
)  # fmt: skip
LONGEST_NAME = 50  # characters: in UTF-8 up to 200 bytes, of the 255 that a file's name may have
LONGEST = 1200  # pixels of the drawn image
SMALLEST = 0.05  # of the model's scale: a smaller effect of covering is drawn pale


@dataclass(frozen=True)
class QualityMap:
    """What each place of an image says.

    Attributes:
        image: the part of the image that was judged.
        values: float (h, w), low where quality is lost; as many pixels as `image`, reduced.
        meaning: of the values, for the scale.
        ends: values that are drawn in the darkest red and blue. They belong to the model, so that a colour
            means the same in every image; without them small differences in a good image look like harm.
    """

    image: Image.Image
    values: np.ndarray
    meaning: str
    ends: tuple[float, float]


def quality_map(image: Image.Image, scorer: Scorer) -> QualityMap:
    """The map of an RGB image.

    For the view "patches": the scores of overlapping patches at native resolution, averaged.
    Otherwise: how much the score falls when a window is painted over with the image's mean colour
    (occlusion, Zeiler & Fergus 2014); a place that harms the score is below zero.
    """
    return _by_patches(image, scorer) if scorer.spec.view == "patches" else _by_occlusion(image, scorer)


def _by_patches(image: Image.Image, scorer: Scorer) -> QualityMap:
    height, width = scorer.spec.image_size
    pixels = np.asarray(image)
    pixels = np.pad(
        pixels,
        ((0, max(0, height - pixels.shape[0])), (0, max(0, width - pixels.shape[1])), (0, 0)),
        mode="symmetric",
    )
    rows, columns = _places(pixels.shape[0], height), _places(pixels.shape[1], width)
    thin = math.ceil(math.sqrt(max(1, len(rows) * len(columns) / MOST_PATCHES)))
    rows, columns = _thinned(rows, thin), _thinned(columns, thin)
    total, weight = np.zeros(pixels.shape[:2], np.float32), np.zeros(pixels.shape[:2], np.float32)
    bump = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1]).astype(np.float32) + 1e-3
    # row by row on a CPU; a GPU takes as many rows as fill a forward
    together = max(1, scorer.chunk // len(columns)) if scorer.on_gpu else 1
    for start in range(0, len(rows), together):
        places = [(top, left) for top in rows[start : start + together] for left in columns]
        crops = np.stack([pixels[top : top + height, left : left + width] for top, left in places])
        scores = scorer.score_crops(np.ascontiguousarray(crops.transpose(0, 3, 1, 2))[:, None]).scores
        for (top, left), score in zip(places, scores.tolist(), strict=True):
            total[top : top + height, left : left + width] += bump * score
            weight[top : top + height, left : left + width] += bump
    # Thinned patches of a huge image may leave gaps; they take the mean.
    values = np.where(weight > 0, total / np.maximum(weight, 1e-9), total.sum() / weight.sum())
    values = values[: image.height, : image.width]
    return QualityMap(image, values, "score of the place (red: quality is lost)", _ends(scorer, values))


def _places(length: int, patch: int) -> list[int]:
    count = max(1, math.ceil((length - patch) / (patch / 2)) + 1)
    return [round(k * (length - patch) / max(1, count - 1)) for k in range(count)]


def _thinned(places: list[int], step: int) -> list[int]:
    return places if step == 1 else sorted({*places[::step], places[-1]})


def _by_occlusion(image: Image.Image, scorer: Scorer) -> QualityMap:
    crop = scorer.view.evaluate(image)[0]  # (3, H, W)
    height, width = crop.shape[1:]
    mean = crop.mean(axis=(1, 2), keepdims=True).astype(np.uint8)
    tall, wide = max(1, height * 2 // GRID), max(1, width * 2 // GRID)
    whole = float(scorer.score_crops(crop[None, None]).scores[0])
    total, weight = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
    for row in range(GRID):
        top = round(row * (height - tall) / (GRID - 1))
        lefts = [round(column * (width - wide) / (GRID - 1)) for column in range(GRID)]
        covered = np.repeat(crop[None], GRID, axis=0)
        for number, left in enumerate(lefts):
            covered[number, :, top : top + tall, left : left + wide] = mean
        for left, score in zip(lefts, scorer.score_crops(covered[:, None]).scores.tolist(), strict=True):
            total[top : top + tall, left : left + wide] += whole - score
            weight[top : top + tall, left : left + wide] += 1
    values = total / np.maximum(weight, 1)
    most = max(float(np.abs(values).max()), SMALLEST * _span(scorer), 1e-6)
    meaning = "score lost when the place is covered (red: it harms)"
    return QualityMap(Image.fromarray(crop.transpose(1, 2, 0)), values, meaning, (-most, most))


def _ends(scorer: Scorer, values: np.ndarray) -> tuple[float, float]:
    """The model's scale, widened to what this image holds."""
    low, high = float(values.min()), float(values.max())
    ends = score_ends(scorer.spec)
    if ends is not None:
        low, high = min(low, ends[0]), max(high, ends[1])
    return low, high if high > low else low + 1e-6


def _span(scorer: Scorer) -> float:
    ends = score_ends(scorer.spec)
    return ends[1] - ends[0] if ends else 0.0


def draw_map(result: QualityMap, title: str, file: object) -> None:
    """Write a PNG: the image, and the image under its heat map with a scale.

    Args:
        result: of `quality_map`.
        title: above the map.
        file: a binary file or a path.
    """
    from matplotlib.figure import Figure

    shown = result.image.copy()
    shown.thumbnail((LONGEST, LONGEST))
    values = Image.fromarray(result.values.astype(np.float32)).resize(shown.size, Image.Resampling.BILINEAR)
    wide = shown.width >= shown.height
    figure = Figure(figsize=(11, 4.6) if wide else (9, 6.4), layout="constrained")
    plain, heat = figure.subplots(1, 2)
    plain.imshow(shown)
    heat.imshow(shown.convert("L"), cmap="gray")
    low, high = result.ends
    # red to blue: people who can't tell red from green read it too
    drawn = heat.imshow(np.asarray(values), cmap="RdYlBu", alpha=0.55, vmin=low, vmax=high)
    figure.colorbar(drawn, ax=heat, label=result.meaning, shrink=0.85)
    # file names: $ is no formula there, and their bytes need not be text
    shown_title = os.fsencode(one_line(title)).decode(errors="replace")
    heat.set_title(shown_title, fontsize=10, parse_math=False, fontfamily=_fonts())
    for axes in (plain, heat):
        axes.set(xticks=[], yticks=[])
    figure.savefig(file, format="png", dpi=100)  # type: ignore[arg-type]


def _fonts() -> list[str]:
    """matplotlib's own font, and one that this machine has for the names that it can't write."""
    from matplotlib.font_manager import get_font_names

    there = set(get_font_names())
    return ["DejaVu Sans", *[name for name in CJK_FONTS if name in there][:1]]


def draw_map_of_file(
    path: str, scorer: Scorer, folder: Path, max_pixels: int = MAX_PIXELS, time: float | None = None
) -> Path:
    """Draw the map of the image in `path` into `folder`; the name is that of the image and a checksum.

    Args:
        path: of an image; with a `time` in seconds, of a video, whose frame is drawn.

    Raises:
        ImageError: it can't be read.
    """
    from zlib import crc32

    from rankiqa.files import atomic_write

    if time is None:
        image, place, title = read_image(path, max_pixels=max_pixels)[0], path, Path(path).name
    else:
        image, place = read_frame(path, time, max_pixels), f"{path}#t={time:g}"
        title = f"{Path(path).name} at {time:g} s"
    score = float(scorer.score([image]).scores[0])
    # Two folders may hold images of one name: a checksum of the path keeps their maps apart.
    stem = Path(path).stem[:LONGEST_NAME]
    target = folder / f"{stem}_{crc32(place.encode(errors='surrogateescape')):08x}.png"
    with atomic_write(target) as file:
        draw_map(quality_map(image, scorer), f"{title}: {score:.3f}", file)
    return target
