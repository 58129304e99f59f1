"""SIGINT and SIGTERM as a wish that the training loop reads between two steps."""

import logging
import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class StopRequested(Exception):  # noqa: N818  # as StopIteration, no error
    """The user asked to stop, and what is in progress can be left at once."""


class StopSignals:
    """While the block runs, the first SIGINT or SIGTERM sets `requested`; a second one interrupts at once."""

    def __init__(self) -> None:
        self.requested = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "StopSignals":
        # Signal handlers belong to the main thread; elsewhere (a test, a server) there is nothing to catch.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._request)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _request(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        logging.warning("%s: stopping after this step", signal.Signals(number).name)


def leave_to_parent(_worker: int = 0) -> None:
    """Let a loader's worker outlive a signal to the whole group: the parent ends it after saving."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
