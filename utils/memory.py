"""How the C library hands out memory."""

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path

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


def available_memory() -> int:
    """Bytes that this process could still take: free ones of the machine, at most its container's limit."""
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 4 * 2**30
    with suppress(OSError, ValueError, IndexError):
        free = (
            int(Path("/proc/meminfo").read_text(encoding="ascii").split("MemAvailable:")[1].split()[0]) * 1024
        )
    with suppress(OSError, ValueError):  # "max": no limit
        free = min(free, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return free
