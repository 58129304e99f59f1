"""Wrong exposure and white balance, in linear light and with clipping, as a camera has them."""

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
BRIGHT = 0.3  # linear light that the brightest tenth reaches in all but dark photographs
BASE_SHOT = 0.0004  # of a telephone at a low ISO speed
XYZ_TO_RGB = np.array(
    [
        [3.2404542, -1.5371385, -0.4985314],
        [-0.969266, 1.8760108, 0.041556],
        [0.0556434, -0.2040259, 1.0572252],
    ]
)


@register("overexposed", "OVEREXPOSED", OVER, ordered_by="magnitude")
def overexposed(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """`strength` stops too much light, clipped.

    Afifi et al. 2021 ("Learning multi-scale photo exposure correction") render 1 and 1.5 stops too many; ours
    go on to where half of a photograph is white. More light would do a dark one good: it is brought to a
    usual exposure first (its brightest tenth to a linear 0.3, by 4 stops at most).
    """
    light = to_linear(image)
    bright = float(np.quantile(light[::2, ::2].max(axis=2), 0.9))
    usual = max(1.0, min(16.0, BRIGHT / max(bright, 1e-3)))
    return to_srgb(light * np.float32(usual * 2.0**strength))


@register("underexposed", "UNDEREXPOSED", UNDER, ordered_by="magnitude")
def underexposed(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """`strength` stops too little light, in what is left of the 256 values (Afifi et al. 2021: 1 and 1.5)."""
    return to_srgb(to_linear(image) * np.float32(2.0**-strength))


@register("lifted", "LIFTED", LIFTED)
def lifted(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Taken with `strength` stops too little light and brightened again: noise, and steps in the shadows.

    What is brightened is the file of 8 bits, not the raw data; Chen et al. 2018 ("Learning to see in the
    dark") show both for cameras.
    """
    dim = to_linear(image) * np.float32(2.0**-strength)
    taken = to_srgb(dim + sensor_noise_in(dim, BASE_SHOT, rng, PHONE))
    return as_source(image, to_srgb(to_linear(taken) * np.float32(2.0**strength)))


@register("low_light", "LOW_LIGHT", DARK)
def low_light(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """`strength` stops less light at an ISO speed that rises with them: dark, noisy and smeared.

    The order of Lv et al. 2021 ("Attention guided low-light image enhancement", section 3): darkened, then
    noise of the sensor; the noise reduction of a telephone follows.
    """
    dim = to_srgb(to_linear(image) * np.float32(2.0**-strength))
    noisy = photographed(dim, 0.0008 * 2.0 ** (0.6 * strength), rng, PHONE)
    return as_source(image, smeared(noisy, 3.0 * strength, radius=2))


@register("white_balance", "WHITE_BALANCE", MIREDS, ordered_by="magnitude")
def white_balance(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Light `strength` mired warmer or colder than the camera assumes, which of both drawn for the image.

    Gains of R, G and B in linear light that keep the luminance of grey, as von Kries has it; Afifi and Brown
    2019 ("What else can fool deep learning?") render 2850 to 7500 K, which are -21 to +197 mired.
    """
    shift = strength * steady_generator(image).choice((-1, 1))
    gains = colour_of(DAYLIGHT + shift) / colour_of(DAYLIGHT)
    gains /= gains @ LUMINANCE
    return to_srgb(to_linear(image) * gains.astype(np.float32))


def colour_of(mired: float) -> np.ndarray:
    """Linear sRGB (3,), of luminance one, of a black body of 10^6 / `mired` kelvin, 2222 to 25000 K.

    Its chromaticity is the cubic approximation of Kim et al. 2002 (US patent 7,024,034).
    """
    inverse = mired / 1000
    if inverse > 0.25:
        x = np.polyval((-0.2661239, -0.2343589, 0.8776956, 0.179910), inverse)
        y = np.polyval((-0.9549476, -1.37418593, 2.09137015, -0.16748867), x)
    else:
        x = np.polyval((-3.0258469, 2.1070379, 0.2226347, 0.240390), inverse)
        y = np.polyval((3.0817580, -5.87338670, 3.75112997, -0.37001483), x)
    return np.maximum(XYZ_TO_RGB @ np.array([x / y, 1.0, (1 - x - y) / y]), 0)
