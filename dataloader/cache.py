"""Decoded images kept between epochs, in memory or on disk, shared by all workers of a process."""

import multiprocessing
import os
import tempfile
from collections.abc import Callable
from multiprocessing.reduction import DupFd
from typing import Any

import numpy as np
import torch


class ImageCache:
    """uint8 images by number, as many as fit.

    Nothing is thrown out when it is full: an epoch needs each image once, so that the one that has not been
    needed for longest is the one that comes next. The images lie in a file without a name, in memory or in
    the temporary folder (TMPDIR); all workers share it, and it vanishes with the last of them, even after a
    kill.

    Args:
        count: of images that may be asked for.
        capacity: bytes.
        in_memory: False: in the temporary folder.
    """

    def __init__(self, count: int, capacity: int, in_memory: bool) -> None:
        self._capacity, self._file = capacity, _nameless_file(in_memory)
        # (offset, height, width) of each; offset -1: not there
        self._where = torch.full((count, 3), -1, dtype=torch.int64).share_memory_()
        self._used = torch.zeros(1, dtype=torch.int64).share_memory_()
        self._lock = multiprocessing.get_context("spawn").Lock()

    def get(self, number: int, make: Callable[[], np.ndarray]) -> np.ndarray:
        """The image `number`, (H, W, 3): as it is kept, or what `make` gives, kept if it fits."""
        offset, height, width = self._where[number].tolist()
        if offset >= 0:
            kept = os.pread(self._file, 3 * height * width, offset)
            return np.frombuffer(kept, np.uint8).reshape(height, width, 3)
        image = make()
        self._put(number, image)
        return image

    def _put(self, number: int, image: np.ndarray) -> None:
        with self._lock:
            offset = int(self._used)
            if offset + image.size > self._capacity or self._where[number, 0] >= 0:
                return
            self._used += image.size
        try:
            written = os.pwrite(self._file, image.tobytes(), offset)
        except OSError:  # the disk holds less than was promised: what is kept stays, nothing is added
            self._used.fill_(self._capacity)
            return
        if written == image.size:
            self._where[number, 1:] = torch.tensor(image.shape[:2])
            self._where[number, 0] = offset  # last: readers take no lock

    def __getstate__(self) -> dict[str, Any]:
        # to workers that are spawned; forked ones have the file already
        return {**self.__dict__, "_file": DupFd(self._file)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _file=state["_file"].detach())

    def __del__(self) -> None:
        if isinstance(getattr(self, "_file", None), int):
            os.close(self._file)


def _nameless_file(in_memory: bool) -> int:
    if in_memory and hasattr(os, "memfd_create"):
        return os.memfd_create("rankiqa_cache")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
