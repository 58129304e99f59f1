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


def available_memory() -> float:
    """Bytes that this process may still take: of the machine, or of its control group if that is less."""
    free = [_meminfo()]
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        try:
            group = Path("/sys/fs/cgroup")
            free.append(float((group / limit).read_text()) - float((group / used).read_text()))
        except (OSError, ValueError):  # no such group, or no limit ("max")
            continue
    return min(free)


def _meminfo() -> float:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("MemAvailable:"):
                return float(line.split()[1]) * 1024
    except OSError:
        pass
    # not Linux: half of what is installed is a cautious guess of what is free
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2
