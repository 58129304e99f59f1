"""How the C library hands out memory."""

import ctypes
import sys
from contextlib import suppress

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h


def keep_freed_memory() -> None:
    """Let this process, and those that it forks, use freed memory again instead of giving it back at once.

    glibc maps every large block anew and unmaps it when it is freed, so each activation of each step costs
    page faults that clear its memory: training on a CPU spends two fifths of its time in them
    (`benchmarks/freed_memory.py`). Nothing happens with another C library or allocator. Results stay the same
    bit for bit; the process keeps its peak memory until it ends.
    """
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):  # musl has no mallopt
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 2**30)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
