"""Newer codecs of photographs, and fewer colours than places; optional codecs say which package they need."""

import io
from importlib import import_module

import numpy as np
from PIL import Image, features

from distortions.linear_light import as_source
from distortions.registry import register, to_uint8
from distortions.rescaling import reduced_size
from utils.errors import ConfigError

AVIF = (45.0, 30.0, 20.0, 11.0, 4.0)
WEBP = (50.0, 25.0, 12.0, 5.0, 0.0)
HEIC = (45.0, 32.0, 22.0, 13.0, 5.0)
JPEG_XL = (70.0, 45.0, 25.0, 12.0, 2.0)
SUBSAMPLING = (2.0, 4.0, 7.0, 11.0, 16.0)


@register("avif", "AVIF", AVIF)
def avif(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """AVIF (AV1 intra frame, 4:2:0) at the quality `strength` of libavif's scale 0..100, decoded again.

    Raises:
        ConfigError: Pillow is older than 11.3 or was built without libavif.
    """
    if not features.check("avif"):
        raise ConfigError("distortion 'avif' needs Pillow 11.3 or newer with libavif: pip install -U pillow")
    return _decoded(image, "AVIF", quality=round(strength), speed=9, max_threads=1)


@register("webp", "WEBP", WEBP)
def webp(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Lossy WebP (VP8 key frame, 4:2:0) at the quality `strength` of libwebp's scale 0..100, decoded."""
    return _decoded(image, "WEBP", quality=round(strength), method=2)


@register("heic", "HEIC", HEIC, needs="pillow-heif")
def heic(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """HEIC (HEVC intra frame, 4:2:0) at the quality `strength` of libheif's scale 0..100, decoded again."""
    heif = import_module("pillow_heif")
    with io.BytesIO() as file:
        options = {"chroma": 420, "enc_params": {"preset": "superfast"}}
        heif.from_pillow(Image.fromarray(image)).save(file, quality=round(strength), **options)
        return as_source(image, np.asarray(heif.open_heif(file).to_pillow().convert("RGB")))


@register("jpeg_xl", "JPEG_XL", JPEG_XL, needs="pillow-jxl-plugin")
def jpeg_xl(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """JPEG XL (VarDCT) at the quality `strength` of libjxl's scale 0..100, decoded again."""
    import_module("pillow_jxl")  # makes the format known to Pillow
    return _decoded(image, "JXL", quality=round(strength), effort=3)


@register("chroma_subsampling", "CHROMA_SUBSAMPLING", SUBSAMPLING, ordered_by="magnitude")
def chroma_subsampling(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Cb and Cr averaged over cells of `strength` pixels, enlarged without smoothing as cheap decoders do.

    2 is the 4:2:0 of most JPEG files (ITU-T T.81); wider cells stand for several codecs after one another. A
    grey image has no colours to lose, and is left as it is.
    """
    import cv2

    height, width = image.shape[:2]
    small = reduced_size(image, strength)
    ycc = cv2.cvtColor(image.astype(np.float32), cv2.COLOR_RGB2YCrCb)
    colours = cv2.resize(ycc[..., 1:], small, interpolation=cv2.INTER_AREA)
    ycc[..., 1:] = cv2.resize(colours, (width, height), interpolation=cv2.INTER_NEAREST)
    return to_uint8(cv2.cvtColor(ycc, cv2.COLOR_YCrCb2RGB))


def _decoded(image: np.ndarray, form: str, **options: object) -> np.ndarray:
    with io.BytesIO() as file:
        Image.fromarray(image).save(file, form, **options)
        return as_source(image, np.asarray(Image.open(file).convert("RGB")))
