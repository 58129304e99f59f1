"""Impulse noise."""

import numpy as np

from distortions.registry import register

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
