"""A sign of life between processes: a machine that is lost must not leave the others waiting."""

import logging
import os
import threading
import time
from datetime import timedelta
from urllib.parse import urlsplit

import torch.distributed as dist

BEAT, LIMIT = 5.0, 40.0  # seconds


class Heartbeat:
    """While the block runs, ends this process with status 2 when another has given no sign of life.

    A process that only works for long beats on, from a thread; one that was killed, or whose machine or
    network is gone, does not. Collective calls alone can't tell the two apart.

    Args:
        init_method: where the processes met, "tcp://host:port" or "env://".
        rank, world_size: which of how many this is.
        limit: seconds of silence that are too many.
    """

    def __init__(self, init_method: str, rank: int, world_size: int, limit: float = LIMIT) -> None:
        self._rank, self._world_size, self._limit = rank, world_size, limit
        self._done = threading.Event()
        self._answered = time.monotonic()  # when the store last did
        self._beating = threading.Thread(target=self._beat, args=(_address(init_method),), daemon=True)
        # A cut cable leaves the other thread in a call that never returns.
        self._watching = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Heartbeat":
        self._beating.start()
        self._watching.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._beating.join(BEAT)
        self._watching.join(BEAT)

    def _watch(self) -> None:
        """The store is kept by process 0: where it does not answer, that one is lost."""
        while not self._done.wait(min(BEAT, self._limit / 4)):
            if time.monotonic() - self._answered > self._limit and not self._done.is_set():
                _give_up(0, self._limit)

    def _beat(self, address: tuple[str, int]) -> None:
        store = None
        heard = dict.fromkeys(range(self._world_size), (b"", time.monotonic()))
        while not self._done.wait(min(BEAT, self._limit / 4)):
            now = time.monotonic()
            try:
                store = store or _connect(address)
                store.set(f"beat/{self._rank}", str(now))
                for rank in heard:
                    key = f"beat/{rank}"
                    sign = store.get(key) if store.check([key]) else b""
                    if sign != heard[rank][0]:
                        heard[rank] = sign, now
                self._answered = now
            except RuntimeError:  # the one that keeps the store is gone, or not there yet
                store = None
            silent = [rank for rank, (_, since) in heard.items() if now - since > self._limit]
            if silent and not self._done.is_set():
                _give_up(silent[0], self._limit)


def _give_up(rank: int, limit: float) -> None:
    logging.error(
        "process %d gave no sign of life for %.0f s: stopped; continue with --continue on all machines",
        rank,
        limit,
    )
    logging.shutdown()
    os._exit(2)  # the main thread is held by a collective call that never returns


def _connect(address: tuple[str, int]) -> dist.TCPStore:
    return dist.TCPStore(*address, is_master=False, wait_for_workers=False, timeout=timedelta(seconds=10))


def _address(init_method: str) -> tuple[str, int]:
    if init_method == "env://":
        return os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    place = urlsplit(init_method)
    return place.hostname or "127.0.0.1", place.port or 23456
