"""Noises: white, shaped, of impulses, multiplicative, and what a denoiser leaves of one.

Ladders in dB are the PSNR that TID2013 aims at for its five levels (Ponomarenko et al. 2015, section 2);
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


# Exponents e of the variance 2^e on images in [0, 1]: standard deviations of 8, 13, 23, 38, 64 grey levels.
EXPONENTS = (-10.0, -8.5, -7.0, -5.5, -4.0)

WATERLOO_EXPONENTS = (-10.0, -7.5, -5.5, -3.5, 0.0)
KADID_WHITE = (0.001, 0.002, 0.003, 0.005, 0.01)


@register("kadid_wn", "KADID_WN", tuple(float(np.log2(variance)) for variance in KADID_WHITE))
@register("waterloo_wn", "WATERLOO_WN", WATERLOO_EXPONENTS)
@register("wn", "WN", EXPONENTS)
def white_noise(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Independent Gaussian noise of variance 2^strength (pixels in [0, 1]) on every channel of every pixel.

    LIVE release 2 (Sheikh, Sabir and Bovik 2006) adds noise of one standard deviation, 0.012 to 2.0, to R, G
    and B. RankIQA (Liu, van de Weijer and Bagdanov 2017) takes variances 2^(-10), 2^(-7.5), 2^(-5.5),
    2^(-3.5) and 1. We start where it does and step evenly by a factor of 2^1.5, which leaves out the last
    two: they clip most pixels and hardly show the image.
    `waterloo_wn` keeps them, as Waterloo Exploration does (Ma et al. 2017); `kadid_wn` has the variances of
    KADID-10k (Lin, Hosu and Saupe 2019).
    """
    deviation = 255.0 * 2.0 ** (strength / 2)
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    return to_uint8(image + np.float32(deviation) * noise)


# TID2013 aims at 33 to 21 dB; a replaced value is off by about 150 grey levels, which gives these shares.
TID_SHARES = (0.0015, 0.003, 0.006, 0.012, 0.024)
KADID_SHARES = (0.001, 0.005, 0.01, 0.02, 0.03)


@register("kadid_impulse", "KADID_IMPULSE", KADID_SHARES)
@register("impulse", "IMPULSE", TID_SHARES)
def impulse_noise(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Salt and pepper: the share `strength` of all values becomes 0 or 255, one as likely as the other.

    TID2013 type 6 (Ponomarenko et al. 2015), and KADID-10k type 13 (Lin, Hosu and Saupe 2019) with its own
    shares, as MATLAB's imnoise gives them: every channel by itself.
    """
    drawn = rng.random(image.shape, dtype=np.float32)
    noisy = image.copy()
    noisy[drawn < strength / 2] = 0
    noisy[drawn >= 1 - strength / 2] = 255
    return noisy


# At a mean square of 0.27 (grey levels in [0, 1]), which photos have, these leave 33, 30, 27, 24 and 21 dB.
TID_VARIANCES = (0.0018, 0.0037, 0.0074, 0.0147, 0.0294)
KADID_VARIANCES = (0.001, 0.005, 0.01, 0.02, 0.05)


@register("kadid_multiplicative", "KADID_MULTIPLICATIVE", KADID_VARIANCES)
@register("multiplicative", "MULTIPLICATIVE", TID_VARIANCES)
def multiplicative_noise(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Every value times 1 + n, n normal of variance `strength`: speckle, strongest where it is bright.

    TID2013 type 19 (Ponomarenko et al. 2015); KADID-10k type 14 (Lin, Hosu and Saupe 2019).
    """
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    return to_uint8(image * (1 + np.float32(np.sqrt(strength)) * noise))


DENOISE_DECIBELS = (30.0, 26.0, 22.5, 19.0, 15.5)


@register("denoise", "DENOISE", DENOISE_DECIBELS)
def denoising(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """White noise of a PSNR of strength dB, then non-local means: smeared texture and rests of noise.

    TID2013 type 9 (Ponomarenko et al. 2015) filters with 3-D DCT, KADID-10k type 15 (Lin, Hosu and Saupe
    2019) with DnCNN. Non-local means (Buades, Coll and Morel 2005) as OpenCV has it shows the same faults.
    """
    import cv2

    noisy = add_noise(image, draw(image, rng), strength)
    deviation = 255.0 / 10.0 ** (strength / 20)
    return cv2.fastNlMeansDenoising(noisy, None, 0.9 * deviation, templateWindowSize=5, searchWindowSize=11)
