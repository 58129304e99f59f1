"""How many crops go through a network at once: it depends on what computes, not on who asks."""

import sys
from collections.abc import Callable
from typing import TypeVar

GPU = 256  # crops a forward: with a few, a GPU waits for its orders most of the time

Result = TypeVar("Result")


class Chunks:
    """Cuts crops into forwards of `size`.

    A GPU without the memory for one gets half as many from then on. Several threads may share it.

    Args:
        size: crops a forward, at first.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def run(self, forward: Callable[[slice, int], Result], count: int) -> list[Result]:
        """What `forward` gives of the slices of `count` crops, in their order.

        Args:
            forward: takes the slice, which the last time may be shorter, and the size it is a part of.

        Raises:
            Exception: as `forward` does; of a GPU's memory where a single crop is too much.
        """
        results: list[Result] = []
        start = 0
        while start < count:
            size = self.size
            try:
                results.append(forward(slice(start, min(start + size, count)), size))
            except Exception as error:
                if size == 1 or not is_out_of_gpu_memory(error):
                    raise
                self.size = min(self.size, size // 2)
            else:
                start += size
                continue
            _empty_cache()  # outside of the handler, whose traceback holds on to the activations
        return results


def is_out_of_gpu_memory(error: BaseException) -> bool:
    """Whether a GPU's memory ran out, in torch, in TorchScript, or in ONNX Runtime."""
    text = str(error)
    return type(error).__name__ == "OutOfMemoryError" or any(
        words in text for words in ("CUDA out of memory", "Failed to allocate memory for requested buffer")
    )


def _empty_cache() -> None:
    torch = sys.modules.get("torch")  # which ONNX Runtime does without
    if torch is not None:
        torch.cuda.empty_cache()
