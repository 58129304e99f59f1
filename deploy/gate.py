"""ASGI middleware before the API: key, number of requests, size and time of the upload.

All of it is checked before anything is kept in memory or decoded.
"""

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

from deploy.limits import Limits, Refused

PREFIX = "/v1/"
MULTIPART_SPARE = 16_384  # bytes of a form beside its files

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Gate:
    """The middleware.

    Args:
        app: what it stands before.
        limits: see there.
        key: that requests below /v1/ must carry as X-API-Key; None: none.
        unguarded: paths that everybody may ask at any time.
        keyless: further paths that are guarded, but not by the key.
    """

    def __init__(
        self,
        app: Any,
        limits: Limits,
        key: str | None,
        unguarded: tuple[str, ...] = (),
        keyless: tuple[str, ...] = (),
    ) -> None:
        self._app, self._limits, self._key = app, limits, key
        self._unguarded, self._keyless = unguarded, keyless
        self._running = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request."""
        path = scope.get("path", "")
        with_key = path.startswith(PREFIX) and path not in self._unguarded
        if scope["type"] != "http" or not (with_key or path in self._keyless):
            await self._app(scope, receive, send)
            return
        try:
            self._check(dict(scope["headers"]), with_key)
        except Refused as refused:
            await answer(send, refused)
            return
        self._running += 1
        try:
            await self._watched(scope, receive, send)
        finally:
            self._running -= 1

    def _check(self, headers: dict[bytes, bytes], with_key: bool) -> None:
        given = headers.get(b"x-api-key", b"")
        if with_key and self._key is not None and not secrets.compare_digest(given, self._key.encode()):
            raise Refused(401, "the header X-API-Key is missing or wrong")
        if self._running >= self._limits.concurrent:
            raise Refused(429, "too many requests at once; try again in a second")
        length = headers.get(b"content-length", b"0")
        if not length.isdigit():
            raise Refused(400, "Content-Length is no number")
        if int(length) > self._most_bytes:
            raise Refused(413, f"a request holds at most {self._most_bytes} bytes")

    @property
    def _most_bytes(self) -> int:
        return self._limits.files * self._limits.file_bytes + MULTIPART_SPARE

    async def _watched(self, scope: Message, receive: Receive, send: Send) -> None:
        upload = _Upload(receive, send, self._most_bytes, self._limits.upload_seconds)
        try:
            await self._app(scope, upload.receive, upload.send)
        except Refused:
            if not upload.started and upload.refused is not None:
                await answer(send, upload.refused)


class _Upload:
    """The two ends of one request; what is refused wins over whatever the application makes of it."""

    def __init__(self, receive: Receive, send: Send, most_bytes: int, seconds: float) -> None:
        self._receive, self._send, self._most_bytes = receive, send, most_bytes
        self._end = time.monotonic() + seconds
        self._seen = 0
        self._whole = False
        self.started = False
        self.refused: Refused | None = None

    async def receive(self) -> Message:
        """The next part of the body; raises Refused past the limits."""
        if self._whole:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), max(0.001, self._end - time.monotonic()))
        except asyncio.TimeoutError:
            raise self._refuse(408, "the request did not arrive in time") from None
        self._seen += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._seen > self._most_bytes:
            raise self._refuse(413, f"a request holds at most {self._most_bytes} bytes")
        return message

    def _refuse(self, status: int, detail: str) -> Refused:
        self.refused = Refused(status, detail)
        return self.refused

    async def send(self, message: Message) -> None:
        """Pass on what the application answers, unless the request was refused."""
        if self.refused is None:
            self.started = True
            await self._send(message)
        elif not self.started:
            self.started = True
            await answer(self._send, self.refused)


async def answer(send: Send, refused: Refused) -> None:
    """Send a refusal as JSON, and close the connection, whose body nobody reads to its end."""
    body = json.dumps({"detail": refused.detail}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers.append((b"connection", b"close"))
    if refused.status == 429:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
