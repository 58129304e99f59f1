"""The web server's connections: how many at once, and how long the head of a request may take."""

import asyncio
from typing import Any

MOST = 1000
BACKLOG = 64  # that asyncio accepts at a stroke; uvicorn's 2048 would exhaust the files by themselves


def most_connections() -> int:
    """A third of the files that this process may open, at most 1000.

    Uploads and models need some too, and asyncio has accepted a few hundred more before one can be closed.
    """
    try:
        import resource
    except ImportError:  # Windows
        return MOST
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST if files < 0 else min(MOST, files // 3)  # below 0: no limit


def limited_protocol(head_seconds: float, most: int) -> Any:
    """What `uvicorn.run` takes as `http`; uvicorn itself waits for ever for a client that sends no request.

    Args:
        head_seconds: from a connection's start, or from the first byte after an answer, until the head of
            the request must have arrived. The body is the affair of `rankiqa.serve.gate`.
        most: connections at once; further ones are closed.
    """
    # Not uvicorn's other one, httptools, which takes heads of any size.
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Limited(H11Protocol):
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > most:
                transport.abort()
            else:
                self._timer = self.loop.call_later(head_seconds, self._give_up)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._answering():
                self._stop_timer()
            elif self._timer is None:
                self._timer = self.loop.call_later(head_seconds, self._give_up)

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_timer()
            super().connection_lost(exc)

        def _answering(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _stop_timer(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _give_up(self) -> None:
            self._timer = None
            if not self._answering():
                self.transport.abort()

    return Limited
