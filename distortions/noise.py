"""Additive noises whose spectrum, colour or place differs from plain white noise.

The ladders give the PSNR in dB that TID2013 aims at for its five levels (Ponomarenko et al. 2015, section 2);
the noise is scaled to the mean squared error that belongs to it, before values are clipped.
"""

import numpy as np

from distortions.registry import register, to_uint8

TID_DECIBELS = (33.0, 30.0, 27.0, 24.0, 21.0)
KADID_CHROMA = (40.0, 33.0, 30.0, 27.0, 25.2)  # of the variances .0001 to .003 on a scale of [0, 1]


def deviation_of(decibels: float) -> float:
    """The standard deviation in grey levels (0..255) of noise that leaves a PSNR of `decibels`."""
    return 255.0 / 10.0 ** (decibels / 20)


def draw(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Independent standard normal values of the image's shape, float32."""
    return rng.standard_normal(image.shape, dtype=np.float32)


def add_noise(image: np.ndarray, noise: np.ndarray, decibels: float) -> np.ndarray:
    """`image` with `noise` scaled to the PSNR `decibels`."""
    spread = float(np.sqrt(np.mean(np.square(noise)))) or 1.0
    return to_uint8(image + np.float32(deviation_of(decibels) / spread) * noise)


@register("gauss", "GAUSS", TID_DECIBELS)
def gaussian_noise(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """White Gaussian noise on R, G and B at a PSNR of strength dB (TID2013 type 1)."""
    return add_noise(image, draw(image, rng), strength)


@register("kadid_chroma", "KADID_CHROMA", KADID_CHROMA)
@register("chroma_noise", "CHROMA_NOISE", TID_DECIBELS)
def chroma_noise(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """White noise in YCbCr, twice as strong in Cb and Cr as in Y, at strength dB (TID2013 type 2).

    `kadid_chroma` has the strengths of KADID-10k type 12 (Lin, Hosu and Saupe 2019).
    """
    y, cb, cr = np.moveaxis(draw(image, rng) * np.array([1, 2, 2], np.float32), 2, 0)
    rgb = np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], axis=2)
    return add_noise(image, rgb, strength)


@register("correlated_noise", "CORRELATED_NOISE", TID_DECIBELS)
def correlated_noise(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """White noise averaged over 3 x 3 pixels, at strength dB (TID2013 type 3)."""
    from scipy.ndimage import uniform_filter

    return add_noise(image, uniform_filter(draw(image, rng), (3, 3, 1), mode="reflect"), strength)


@register("masked_noise", "MASKED_NOISE", TID_DECIBELS)
def masked_noise(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Noise that follows the local activity, which hides it from the eye, at strength dB (TID2013 type 4).

    TID2013 shapes it by the contrast masking of PSNR-HVS-M (Ponomarenko et al. 2007). The local standard
    deviation of the luminance over 7 x 7 pixels, plus one grey level, stands for it here.
    """
    from scipy.ndimage import uniform_filter

    grey = (image @ np.array([0.299, 0.587, 0.114])).astype(np.float32)
    mean = uniform_filter(grey, 7, mode="reflect")
    variance = np.maximum(uniform_filter(grey * grey, 7, mode="reflect") - mean * mean, 0)
    return add_noise(image, draw(image, rng) * (1 + np.sqrt(variance))[..., None], strength)


@register("high_noise", "HIGH_NOISE", TID_DECIBELS)
def high_frequency_noise(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """White noise less its Gaussian low-pass of sigma 1 pixel, at strength dB (TID2013 type 5)."""
    from scipy.ndimage import gaussian_filter

    noise = draw(image, rng)
    return add_noise(image, noise - gaussian_filter(noise, (1, 1, 0), mode="reflect"), strength)
