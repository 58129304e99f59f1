"""What logits say: score, distribution, deviation and percentile, in NumPy.

`criterions.score` is the same definition for tensors, which losses differentiate.
"""

from typing import TYPE_CHECKING

import numpy as np

from rankiqa.spec import ModelSpec

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


def average_crops(logits: np.ndarray) -> np.ndarray:
    """The logits of an image from those of its crops, so that score(average) = mean of the crops' scores.

    Args:
        logits: float32 (M, P, N), P crops per image.

    Returns:
        float32 (M, N): for N = 1 the mean; for N > 1 the logarithm of the mean distribution.
    """
    crops = logits.shape[1]
    if crops == 1:
        return logits[:, 0]
    if logits.shape[2] == 1:
        return _sum(logits) / np.float32(crops)
    logs = logits - _log_sum_exp(logits, axis=2)
    return _log_sum_exp(logs, axis=1)[:, 0] - np.float32(np.log(crops))


def distribution(logits: np.ndarray) -> np.ndarray | None:
    """float32 (M, N): the softmax over the ratings 1..N; None for N = 1, whose logit is no distribution."""
    if logits.shape[1] == 1:
        return None
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def score(logits: np.ndarray) -> np.ndarray:
    """One number per image, higher = better.

    Args:
        logits: float32 (M, N).

    Returns:
        float32 (M,): for N = 1 the raw logit; for N > 1 the expectation of softmax over the ratings 1..N
        (Talebi & Milanfar 2018, section III: the mean quality score).
    """
    shares = distribution(logits)
    return logits[:, 0] if shares is None else shares @ _ratings(shares.shape[1])


def deviation(shares: np.ndarray) -> np.ndarray:
    """float (M,): the standard deviation of distributions (M, N) over the ratings 1..N, in ratings."""
    ratings = _ratings(shares.shape[1], shares.dtype)
    means = shares @ ratings
    return np.sqrt((shares * (ratings - means[:, None]) ** 2).sum(axis=1))


def crop_deviation(logits: np.ndarray) -> np.ndarray:
    """float32 (M,): the standard deviation of the scores of each image's crops; `logits` is (M, P, N)."""
    images, crops, columns = logits.shape
    return score(logits.reshape(-1, columns)).reshape(images, crops).std(axis=1)


def percentile(value: float, spec: ModelSpec) -> float | None:
    """Where in 0..100 a score lies among those of validation; None where none are known."""
    if spec.score_percentiles is None:
        return None
    return float(np.interp(value, spec.score_percentiles, np.linspace(0, 100, len(spec.score_percentiles))))


def score_ends(spec: ModelSpec) -> tuple[float, float] | None:
    """(worst, best): the ratings 1..N, or for N = 1 what validation has shown; None where it has not."""
    if spec.num_classes == 1:
        return spec.score_range
    return spec.scaled(1.0), spec.scaled(float(spec.num_classes))


def scale_in_words(spec: ModelSpec) -> str:
    """The scale of the model's scores, for people."""
    ends = score_ends(spec)
    if spec.scale:
        of_set = f"on the scale of {spec.scale}"
        span = f", {ends[0]:.3f} to {ends[1]:.3f}" if ends else ""
        return of_set + span + (" in validation" if span and spec.num_classes == 1 else "")
    if spec.num_classes > 1:
        return f"in 1..{spec.num_classes}"
    return f"{ends[0]:.3f} to {ends[1]:.3f} in validation" if ends else "no fixed scale"


def _ratings(count: int, dtype: "DTypeLike" = np.float32) -> np.ndarray:
    return np.arange(1, count + 1, dtype=dtype)


def _log_sum_exp(values: np.ndarray, axis: int) -> np.ndarray:
    most = values.max(axis=axis, keepdims=True)
    return np.log(np.exp(values - most).sum(axis=axis, keepdims=True)) + most


def _sum(logits: np.ndarray) -> np.ndarray:
    """The sum over crops: (M, P, N) -> (M, N), in the order of PyTorch 2's CPU kernel for P < 8.

    So scores of the usual five crops have the same last bit as those of version 1.
    """
    crops = logits.shape[1]
    total = logits[:, 0].copy()
    for crop in (*range(4, crops), *range(1, min(4, crops))):
        total += logits[:, crop]
    return total
