"""Work that is spread over several processes."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import TypeVar

from utils.errors import DataError

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_processes(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    prepare: Callable[[], None] | None = None,
    chunk: int = 1,
) -> Iterator[Result]:
    """`function` of each of `items`, in their order, from `workers` fresh processes.

    Interrupts are left to the calling process. The workers end with it, even when it is killed.

    Args:
        function: of a module, so that a process finds it by its name.
        workers: 1 or fewer, or items for only one: all is done in the calling process.
        prepare: called once in every process before its first item.
        chunk: items that are handed to a process at once.

    Raises:
        DataError: a worker was killed.
    """
    workers = min(workers, -(-len(items) // chunk))
    if workers <= 1:
        if prepare is not None:
            prepare()
        yield from map(function, items)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _begin, (prepare,)) as pool:
        try:
            yield from pool.map(function, items, chunksize=chunk)
        except BrokenProcessPool as error:
            raise DataError("a worker process was killed, out of memory perhaps; try -j 1") from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _begin(prepare: Callable[[], None] | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent answers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if prepare is not None:
        prepare()


def _end_with_parent() -> None:
    # a worker holds both ends of its queue, so that it would wait for ever for a parent that was killed
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
