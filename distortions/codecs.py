"""Newer codecs of photographs, and fewer colours than places; optional codecs say which package they need."""

import io
from importlib import import_module

import numpy as np
from PIL import Image

from distortions.linear_light import as_source
from distortions.registry import register, to_uint8
from utils.errors import ConfigError

AVIF = (45.0, 30.0, 20.0, 11.0, 4.0)
WEBP = (50.0, 25.0, 12.0, 5.0, 0.0)
HEIC = (45.0, 32.0, 22.0, 13.0, 5.0)
JPEG_XL = (3.0, 5.0, 8.0, 12.0, 20.0)
SUBSAMPLING = (2.0, 4.0, 7.0, 11.0, 16.0)


@register("avif", "AVIF", AVIF)
def avif(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """AVIF (AV1 intra frames, 4:2:0) at the quality `strength` of libavif's scale 0..100, decoded again."""
    return _decoded(image, "AVIF", quality=round(strength), speed=9, max_threads=1)


@register("webp", "WEBP", WEBP)
def webp(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Lossy WebP (VP8 key frame) at the quality `strength` of libwebp's scale 0..100, decoded again."""
    return _decoded(image, "WEBP", quality=round(strength), method=2)


@register("heic", "HEIC", HEIC, needs="pillow-heif")
def heic(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """HEIC (HEVC intra frames, 4:2:0) at the quality `strength` of x265's scale 0..100, decoded again."""
    import_module("pillow_heif").register_heif_opener()
    return _decoded(image, "HEIF", quality=round(strength), chroma=420)


@register("jpeg_xl", "JPEG_XL", JPEG_XL, needs="pillow-jxl-plugin")
def jpeg_xl(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """JPEG XL (VarDCT) at the butteraugli distance `strength`, decoded again."""
    import_module("pillow_jxl")
    return _decoded(image, "JXL", quality=_jxl_quality(strength), effort=3)


@register("chroma_subsampling", "CHROMA_SUBSAMPLING", SUBSAMPLING, ordered_by="magnitude")
def chroma_subsampling(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Cb and Cr averaged over cells of `strength` pixels and enlarged without smoothing, as cheap decoders do."""
    import cv2

    height, width = image.shape[:2]
    small = max(1, round(width / strength)), max(1, round(height / strength))
    ycc = cv2.cvtColor(image.astype(np.float32), cv2.COLOR_RGB2YCrCb)
    colours = cv2.resize(ycc[..., 1:], small, interpolation=cv2.INTER_AREA)
    ycc[..., 1:] = cv2.resize(colours, (width, height), interpolation=cv2.INTER_NEAREST)
    return to_uint8(cv2.cvtColor(ycc, cv2.COLOR_YCrCb2RGB))


def _decoded(image: np.ndarray, form: str, **options: object) -> np.ndarray:
    with io.BytesIO() as file:
        try:
            Image.fromarray(image).save(file, form, **options)
        except (KeyError, OSError) as error:
            raise ConfigError(f"this Pillow writes no {form} ({error}); install a newer one") from error
        return as_source(image, np.asarray(Image.open(file).convert("RGB")))


def _jxl_quality(distance: float) -> float:
    """libjxl's quality 0..100 that stands for `distance` (its JxlEncoderDistanceFromQuality, inverted)."""
    return 100 - (distance - 0.1) / 0.09 if distance <= 6.4 else 30 - (distance - 6.4) * 2
