"""Long work for clients, one after the other, so that those who want a score are computed meanwhile."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from rankiqa.serve.limits import Refused

MOST_AT_ONCE = 8  # that wait or are worked on: each holds one of the server's requests meanwhile

Result = TypeVar("Result")
Check = Callable[[], None]


class Turns:
    """A queue of work for one thread.

    Args:
        what: is made, in the plural, for the messages.
        seconds: longest time to an answer, waiting included.
    """

    def __init__(self, what: str, seconds: float) -> None:
        self._what, self._seconds = what, seconds
        self._worker = ThreadPoolExecutor(1, what)
        self._open = 0

    def close(self) -> None:
        """End the thread."""
        self._worker.shutdown(cancel_futures=True)

    async def run(self, work: Callable[[Check], Result], gone: Any) -> Result:
        """What `work` returns, which must call its argument now and then: that raises when it is time to end.

        Args:
            work: runs in the thread.
            gone: coroutine function that tells whether the client has left; nobody computes for it then.

        Raises:
            Refused: too much work is asked for at once.
            TimeoutError: the time of a request did not suffice.
            Exception: as `work` does.
        """
        if self._open >= MOST_AT_ONCE:
            raise Refused(429, f"too many {self._what} at once; try again in a few seconds")
        stop = threading.Event()
        end = time.monotonic() + self._seconds

        def check() -> None:
            if stop.is_set() or time.monotonic() > end:
                raise TimeoutError

        running = asyncio.get_running_loop().run_in_executor(self._worker, work, check)
        # What nobody waits for any more ends by an exception that nobody would hear; asyncio would log it.
        running.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._open += 1
        try:
            while not (await asyncio.wait({running}, timeout=0.5))[0]:
                if time.monotonic() > end or await gone():
                    break
            else:
                return running.result()
        finally:
            self._open -= 1
            stop.set()
        raise TimeoutError
