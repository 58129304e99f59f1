"""The one definition of a score: losses, evaluation, prediction and every exported file use it."""

import math

import torch
from torch import Tensor

from criterions.checks import full_precision, require_logits


def score(logits: Tensor) -> Tensor:
    """One number an image, higher = better.

    Args:
        logits: (B, N).

    Returns:
        (B,), in float32 unless the logits are float64: for N = 1
        the raw logit; for N > 1 the expectation of softmax over the ratings 1..N
        (Talebi & Milanfar 2018, section III: the mean quality score).

    Raises:
        ValueError: `logits` is not two-dimensional.
    """
    require_logits(logits)
    if logits.shape[1] == 1:
        return full_precision(logits).squeeze(1)
    probs = full_precision(logits).softmax(dim=1)
    return probs @ torch.arange(1, logits.shape[1] + 1, device=probs.device, dtype=probs.dtype)


def average_patches(logits: Tensor) -> Tensor:
    """The logits of an image from those of its crops, so that score(average) = mean of the crops' scores.

    Args:
        logits: (B, P, N), P crops per image.

    Returns:
        (B, N): for N = 1 the mean; for N > 1 the logarithm of the mean distribution.
    """
    if logits.shape[1] == 1:
        return logits.squeeze(1)
    if logits.shape[2] == 1:
        return logits.mean(dim=1)
    return full_precision(logits).log_softmax(dim=2).logsumexp(dim=1) - math.log(logits.shape[1])
