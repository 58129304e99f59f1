"""Shape checks, because (N, 1) against (N,) would broadcast in silence, and the precision of reductions."""

import torch
from torch import Tensor


def require_shape(shape: tuple[int, ...], **tensors: Tensor) -> None:
    """Raise ValueError, naming the tensor and both shapes, unless every tensor has `shape`."""
    for name, tensor in tensors.items():
        if tuple(tensor.shape) != shape:
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}, expected {shape}")


def require_logits(logits: Tensor) -> None:
    """Raise ValueError unless `logits` is (B, N)."""
    if logits.ndim != 2:
        raise ValueError(f"logits have shape {tuple(logits.shape)}, expected (B, N)")


def full_precision(tensor: Tensor) -> Tensor:
    """`tensor` in float32, or in float64 where it is so already: half precision loses small gaps."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()
