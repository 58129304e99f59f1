"""Multiplicative Gaussian noise."""

import numpy as np

from distortions.registry import register, to_uint8

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
