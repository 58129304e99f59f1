"""Decoded Pillow images -> 8-bit sRGB: profiles converted, deep samples scaled, alpha laid over white."""

import numpy as np
from PIL import Image

from rankiqa.decoding.color_space import claimed_profile
from rankiqa.decoding.depth import FLOAT_WHITES, INTEGER_WHITES, require_finite, scaled, white_level
from rankiqa.decoding.profiles import lab_transform, srgb_transform

_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")


def to_srgb(image: Image.Image) -> Image.Image:
    """`image`, decoded, in mode RGB and the colours of sRGB; the image itself where it is that already.

    Raises:
        ValueError: NaN or infinite samples, or a mode that Pillow doesn't convert.
    """
    profile = claimed_profile(image)
    if image.mode.startswith("I") or image.mode == "F":
        return _from_deep_grey(image, profile)
    if image.mode not in _ALPHA and "transparency" not in image.info:
        return _opaque(image, profile)
    rgba = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    if profile is not None:
        grey = image.mode in ("L", "LA", "La")
        colours = _opaque(rgba.getchannel("R") if grey else rgba.convert("RGB"), profile)
        colours.putalpha(rgba.getchannel("A"))
        rgba = colours
    white = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(white, rgba).convert("RGB")


def _opaque(image: Image.Image, profile: bytes | None) -> Image.Image:
    """An image without alpha -> sRGB."""
    if image.mode == "LAB":
        return lab_transform().apply(image)
    if image.mode not in ("RGB", "L", "CMYK"):
        image = image.convert("RGB")
    if profile is None:
        return image if image.mode == "RGB" else image.convert("RGB")
    transform = srgb_transform(profile, image.mode)
    if transform is None and image.mode == "L":  # grey with a profile of colours: equal red, green and blue
        transform, image = srgb_transform(profile, "RGB"), image.convert("RGB")
    if transform is not None:
        return transform.apply(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _from_deep_grey(image: Image.Image, profile: bytes | None) -> Image.Image:
    """16-bit, 32-bit and float grey: Pillow's own conversion clips at 255 instead of scaling."""
    values = np.asarray(image, dtype=np.float64)
    require_finite(values)
    if image.mode.startswith("I;16"):
        white = 65535.0
    else:
        white = white_level(values, FLOAT_WHITES if image.mode == "F" else (*INTEGER_WHITES, 2.0**31 - 1))
    transform = None if profile is None else srgb_transform(profile, "I;16")
    if transform is not None:
        return transform.apply(Image.fromarray(scaled(values, white, 65535)))
    return _opaque(Image.fromarray(scaled(values, white)), profile)
