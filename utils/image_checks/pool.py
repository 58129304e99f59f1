"""Many pictures in several processes."""

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from utils.errors import DataError
from utils.image_checks.inspection import Inspection, inspect

CHUNK = 32  # pictures handed to a process at once


def inspect_all(paths: Sequence[str], workers: int) -> Iterator[Inspection]:
    """`inspect` each of `paths`, in their order, in several processes where that pays.

    Raises:
        DataError: a worker process was killed.
    """
    if workers <= 1 or len(paths) <= CHUNK:
        yield from map(inspect, paths)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _leave_interrupts_to_parent) as pool:
        try:
            yield from pool.map(inspect, paths, chunksize=CHUNK)
        except BrokenProcessPool as error:
            raise DataError("a worker process was killed; -j 1 shows at which picture") from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _leave_interrupts_to_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
