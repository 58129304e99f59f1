"""Wrong exposure and white balance, in linear light with clipping, as a camera has them."""

import numpy as np

from distortions.camera_noise import smeared
from distortions.linear_light import LUMINANCE, as_source, to_linear, to_srgb
from distortions.registry import register, steady_generator
from distortions.sensor import PHONE, photographed, sensor_noise_in

OVER = (0.5, 1.0, 1.6, 2.3, 3.2)  # stops: factors of two of the light
UNDER = (0.7, 1.4, 2.1, 3.0, 4.0)
LIFTED = (1.5, 2.5, 3.5, 4.5, 5.5)
DARK = (0.8, 1.5, 2.2, 2.9, 3.6)
MIREDS = (15.0, 30.0, 50.0, 75.0, 105.0)
DAYLIGHT = 154.0  # mired of 6500 K, the white of sRGB
BASE_SHOT = 0.0004  # of a sensor at its base ISO
SHADOWS = 0.0008  # of the light; what lies below is lost when it is lifted
BRIGHT = 0.3  # linear light that the brightest tenth of a well exposed photograph reaches


@register("overexposed", "OVEREXPOSED", OVER, ordered_by="magnitude")
def overexposed(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """`strength` stops too much light, clipped; a dark photograph is exposed well before."""
    light = to_linear(image)
    bright = float(np.quantile(light.max(axis=2)[::2, ::2], 0.9))
    return to_srgb(light * np.float32(max(1.0, min(16.0, BRIGHT / max(bright, 1e-3))) * 2.0**strength))


@register("underexposed", "UNDEREXPOSED", UNDER, ordered_by="magnitude")
def underexposed(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """`strength` stops too little light; what is left is few of the 256 values."""
    return to_srgb(to_linear(image) * np.float32(2.0**-strength))


@register("lifted", "LIFTED", LIFTED)
def lifted(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Taken with `strength` stops too little light, and made as bright again: noise and steps in the shadows."""
    dim = to_linear(image) * np.float32(2.0**-strength)
    taken = to_srgb(dim + sensor_noise_in(dim, BASE_SHOT, rng, PHONE))
    return as_source(image, to_srgb(to_linear(taken) * np.float32(2.0**strength)))


@register("low_light", "LOW_LIGHT", DARK)
def low_light(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A scene with `strength` stops less light, at a high ISO speed: dark, noisy, smeared."""
    dim = to_srgb(to_linear(image) * np.float32(2.0**-strength))
    noisy = photographed(dim, 0.0008 * 2.0 ** (0.6 * strength), rng, PHONE)
    return as_source(image, smeared(noisy, 3.0 * strength, radius=2))


@register("white_balance", "WHITE_BALANCE", MIREDS, ordered_by="magnitude")
def white_balance(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """The light of a lamp `strength` mired warmer or colder than the camera assumes, drawn for the image."""
    shift = strength * steady_generator(image).choice((-1, 1))
    gains = colour_of(DAYLIGHT + shift) / colour_of(DAYLIGHT)
    gains /= gains @ LUMINANCE
    return to_srgb(to_linear(image) * gains.astype(np.float32))


def colour_of(mired: float) -> np.ndarray:
    """Linear sRGB (3,), of luminance one, of a black body of 10^6 / `mired` kelvin, 1667 to 25000 K.

    The chromaticity is the cubic approximation of Kim et al. 2002 (US patent 7,024,034) that Kang et al. 2002 gives.
    """
    inverse = mired / 1000
    warm = inverse > 0.25
    cubic = (
        (-0.2661239, -0.2343589, 0.8776956, 0.179910)
        if warm
        else (-3.0258469, 2.1070379, 0.2226347, 0.240390)
    )
    x = float(np.polyval(cubic, inverse))
    if inverse > 1 / 2.222:
        y = np.polyval((-1.1063814, -1.34811020, 2.18555832, -0.20219683), x)
    elif warm:
        y = np.polyval((-0.9549476, -1.37418593, 2.09137015, -0.16748867), x)
    else:
        y = np.polyval((3.0817580, -5.87338670, 3.75112997, -0.37001483), x)
    xyz = np.array([x / y, 1.0, (1 - x - y) / y])
    from_xyz = [
        [3.2404542, -1.5371385, -0.4985314],
        [-0.9692660, 1.8760108, 0.0415560],
        [0.0556434, -0.2040259, 1.0572252],
    ]
    return np.maximum(np.array(from_xyz) @ xyz, 0)
