"""Many images in several processes."""

from collections.abc import Iterator, Sequence
from functools import partial

from data_tools.check.inspection import Inspection, inspect
from utils.processes import map_in_processes

CHUNK = 32  # images handed to a process at once


def inspect_all(paths: Sequence[str], workers: int, max_pixels: int) -> Iterator[Inspection]:
    """`inspect` each of `paths`, in their order, in several processes where that pays.

    Raises:
        DataError: a worker process was killed.
    """
    return map_in_processes(partial(inspect, max_pixels=max_pixels), paths, workers, chunk=CHUNK)
