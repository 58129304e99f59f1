"""Full-reference metrics: how close an image is to its reference, higher = better."""

from collections.abc import Sequence

import numpy as np

from utils.errors import ConfigError, ImageError

# Functions of piq, and whether a higher value is a better image.
METRICS = {
    "vsi": ("vsi", True),
    "fsim": ("fsim", True),
    "mdsi": ("mdsi", False),
    "gmsd": ("gmsd", False),
    "haarpsi": ("haarpsi", True),
    "srsim": ("srsim", True),
    "ssim": ("ssim", True),
    "ms_ssim": ("multi_scale_ssim", True),
    "iw_ssim": ("information_weighted_ssim", True),
    "vif": ("vif_p", True),
    "dss": ("dss", True),
}


def parse_metrics(names: str) -> tuple[str, ...]:
    """The metrics of a comma list, each once; ConfigError for one that is not in `METRICS`."""
    wanted = tuple(dict.fromkeys(name.strip().lower() for name in names.split(",")))
    for name in wanted:
        if name not in METRICS:
            raise ConfigError(f"unknown metric {name!r}; there are: {', '.join(METRICS)}")
    return wanted


def qualities(reference: np.ndarray, image: np.ndarray, metrics: Sequence[str]) -> tuple[float, ...]:
    """What each metric says of `image`, higher = better; both uint8 RGB (H, W, 3).

    Raises:
        ImageError: the images are too small for a metric.
    """
    import piq
    import torch

    pair = [
        torch.from_numpy(np.array(each)).permute(2, 0, 1)[None].float() / 255 for each in (image, reference)
    ]
    values = []
    for name in metrics:
        function, higher = METRICS[name]
        try:
            with torch.inference_mode():
                value = float(getattr(piq, function)(*pair, data_range=1.0))
        except (AssertionError, RuntimeError, ValueError) as error:
            size = f"{image.shape[1]} x {image.shape[0]}"
            raise ImageError(f"metric {name} can't judge images of {size} pixels: {error}") from error
        values.append(value if higher else -value)
    return tuple(values)


def psnr_of(reference: np.ndarray, image: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB over all channels, infinite for equal images; higher is better."""
    from skimage.metrics import peak_signal_noise_ratio

    if np.array_equal(reference, image):
        return float("inf")
    return float(peak_signal_noise_ratio(reference, image, data_range=255))


def ssim_of(reference: np.ndarray, image: np.ndarray) -> float:
    """Structural similarity of the luminance, at most 1; higher is better.

    Wang, Bovik, Sheikh and Simoncelli 2004: Gaussian window of sigma 1.5 over 11 x 11 pixels, population
    covariance, luminance as in ITU-R BT.601, without the downsampling of their later code.
    """
    from skimage.metrics import structural_similarity

    weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
    greys = reference @ weights, image @ weights
    return float(
        structural_similarity(*greys, data_range=255, gaussian_weights=True, use_sample_covariance=False)
    )
