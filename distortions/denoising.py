"""What a denoiser leaves of a noisy image."""

import numpy as np

from distortions.noise_shapes import add_noise, draw
from distortions.registry import register

DECIBELS = (30.0, 26.0, 22.5, 19.0, 15.5)


@register("denoise", "DENOISE", DECIBELS)
def denoising(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """White noise of a PSNR of strength dB, then non-local means: smeared texture and rests of noise.

    TID2013 type 9 (Ponomarenko et al. 2015) filters with 3-D DCT, KADID-10k type 15 (Lin, Hosu and Saupe
    2019) with DnCNN. Non-local means (Buades, Coll and Morel 2005) as OpenCV has it shows the same faults.
    """
    import cv2

    noisy = add_noise(image, draw(image, rng), strength)
    deviation = 255.0 / 10.0 ** (strength / 20)
    return cv2.fastNlMeansDenoising(noisy, None, 0.9 * deviation, templateWindowSize=5, searchWindowSize=11)
