"""Versions of an image that people judge alike, or clearly worse; a model is tried on them."""

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageFilter, ImageOps


def alike(image: Image.Image) -> Iterator[tuple[str, Image.Image]]:
    """(name, version) of changes to an RGB image that nobody should mind: file type, size, place, side."""
    yield "file type: PNG", _coded(image, "PNG")
    yield "file type: BMP", _coded(image, "BMP")
    yield "file type: JPEG of quality 95", _coded(image, "JPEG", quality=95, subsampling=0)
    yield "file type: WebP of quality 95", _coded(image, "WEBP", quality=95)
    yield "moved by one pixel", image.crop((1, 1, image.width, image.height))
    yield "mirrored", ImageOps.mirror(image)
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


def _coded(image: Image.Image, form: str, **options: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, form, **options)
    return Image.open(file).convert("RGB")


def scaled(image: Image.Image, factor: float) -> Image.Image:
    """`image` with its sides times `factor`, by Lanczos, at least one pixel each."""
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    return image.resize(size, Image.Resampling.LANCZOS)


def _from(values: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
