"""Versions of an image that people judge alike, or clearly worse; a model is tried on them."""

import io
from collections.abc import Callable, Iterator
from importlib.util import find_spec

import numpy as np
from PIL import Image, ImageFilter, ImageOps, features

from distortions.registry import list_distortions

SOURCES = ("soft", "dark", "grey")  # photographs that are not sharp and clean daylight, see `as_source`
SEEN_LEVEL = 4
# type: its name in words, and the sources in which everybody sees its level SEEN_LEVEL. A soft photograph has no
# detail that could be lost; in a dark one, less light is not always worse.
SEEN = {
    "wn": ("white noise", SOURCES),
    "jpeg": ("JPEG", SOURCES),
    "gblur": ("blur", SOURCES),
    "sensor_noise": ("sensor noise", SOURCES),
    "phone_noise": ("noise of a phone", SOURCES),
    "noise_reduction": ("noise reduction", ("grey",)),
    "defocus": ("defocus", SOURCES),
    "shake": ("camera shake", SOURCES),
    "straight_motion": ("straight motion", SOURCES),
    "overexposed": ("over-exposure", ("soft", "grey")),
    "underexposed": ("under-exposure", ("soft", "grey")),
    "low_light": ("low light", SOURCES),
    "zoom": ("zoom", ("dark", "grey")),
    "zoom_jpeg": ("zoom of a JPEG", SOURCES),
    "messenger": ("messenger chain", SOURCES),
}


def alike(image: Image.Image) -> Iterator[tuple[str, Image.Image]]:
    """(name, version) of changes to an RGB image that nobody should mind: file type, size, place, side."""
    yield "file type: PNG", _coded(image, "PNG")
    yield "file type: BMP", _coded(image, "BMP")
    yield "file type: JPEG of quality 95", _coded(image, "JPEG", quality=95, subsampling=0)
    yield "file type: WebP of quality 95", _coded(image, "WEBP", quality=95)
    if features.check("avif"):
        yield "file type: AVIF of quality 90", _coded(image, "AVIF", quality=90, subsampling="4:4:4", speed=8)
    if find_spec("pillow_heif"):
        yield "file type: HEIC of quality 90", _heic(image)
    yield "moved by one pixel", image.crop((1, 1, image.width, image.height))
    yield "mirrored", ImageOps.mirror(image)
    yield "grey", as_source(image, "grey")
    yield "size: 3/4", scaled(image, 0.75)
    yield "size: 1/2", scaled(image, 0.5)


def worse(image: Image.Image, rng: np.random.Generator) -> Iterator[tuple[str, Image.Image]]:
    """(name, version) of what everybody sees in a sharp and clean RGB image."""
    pixels = np.asarray(image).astype(np.float32)
    yield "JPEG of quality 15", _coded(image, "JPEG", quality=15)
    yield "blurred, sigma 2", image.filter(ImageFilter.GaussianBlur(2))
    yield "noise, sigma 20", _from(pixels + rng.normal(0, 20, pixels.shape))
    yield "over-exposed by 1.3 stops", _from(pixels * 2**1.3)
    yield "to a third and back", scaled(image, 1 / 3).resize(image.size, Image.Resampling.BICUBIC)


def as_source(image: Image.Image, source: str) -> Image.Image:
    """An RGB image as another kind of photograph, which is no damage that a level of a type is judged by.

    Args:
        source: "soft": blurred by sigma 1.5, as an enlarged part is; "dark": all values times 0.4, about
            three stops; "grey": the luma of ITU-R BT.601.
    """
    if source == "soft":
        return image.filter(ImageFilter.GaussianBlur(1.5))
    if source == "dark":
        return _from(np.asarray(image) * 0.4)
    return ImageOps.grayscale(image).convert("RGB")


def seen(source: str, level: Callable[[str, int], Image.Image]) -> Iterator[tuple[str, Image.Image]]:
    """(name, version) of what everybody sees in a photograph of SOURCES.

    Args:
        source: of SOURCES.
        level: (type, level) -> that photograph, distorted.
    """
    registered = list_distortions()
    for kind, (words, sources) in SEEN.items():
        if source in sources and kind in registered:
            yield f"{words} on a {source} photograph", level(kind, SEEN_LEVEL)


def look_alike(image: Image.Image, rng: np.random.Generator, least_side: int) -> Image.Image:
    """An RGB image that people would judge like `image`: smaller, saved with little loss, or both.

    Args:
        least_side: pixels that the shorter side keeps; an image that has no more keeps its size.
    """
    least = max(0.45, least_side / min(image.size))
    smaller = least < 0.95 and rng.random() < 0.7
    if smaller:
        image = scaled(image, rng.uniform(least, 0.95))
    if smaller and rng.random() < 0.5:
        return image
    form, quality = rng.choice(["JPEG", "WEBP"]), int(rng.integers(92, 99))
    return _coded(image, str(form), quality=quality)


def _heic(image: Image.Image) -> Image.Image:
    """Through the package itself: its plug-in would be there for all other readers, too."""
    import pillow_heif

    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, quality=90, chroma=444)
    return pillow_heif.open_heif(file).to_pillow().convert("RGB")


def _coded(image: Image.Image, form: str, **options: int | str) -> Image.Image:
    file = io.BytesIO()
    image.save(file, form, **options)
    return Image.open(file).convert("RGB")


def scaled(image: Image.Image, factor: float) -> Image.Image:
    """`image` with its sides times `factor`, by Lanczos, at least one pixel each."""
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    return image.resize(size, Image.Resampling.LANCZOS)


def _from(values: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
