"""ASGI middleware before the API and the page: key, number of requests, size and time of what is sent.

All of it is checked before anything is kept in memory or decoded.
"""

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

from rankiqa.serve.limits import Limits, Refused

PREFIX = "/v1/"
MULTIPART_SPARE = 16_384  # bytes of a form beside its files
SMALL_BYTES = 2**18  # of a request without images

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

    Requests to any other path hold at most 256 KB, which must arrive in the same time; they are not counted.
    """

    def __init__(
        self,
        app: Any,
        limits: Limits,
        key: str | None,
        unguarded: tuple[str, ...] = (),
    ) -> None:
        self._app, self._limits, self._key = app, limits, key
        self._unguarded = unguarded
        self._running = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request."""
        path = scope.get("path", "")
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        counted = path.startswith(PREFIX) and path not in self._unguarded
        most_bytes = self._most_bytes if counted else SMALL_BYTES
        headers = dict(scope["headers"])
        try:
            if counted:
                self._check_key(headers)
            if counted and self._running >= self._limits.concurrent:
                raise Refused(429, "too many requests at once; try again in a second")
            _check_length(headers, most_bytes)
        except Refused as refused:
            await answer(send, refused)
            return
        self._running += counted
        try:
            await self._watched(scope, _Upload(receive, send, most_bytes, self._limits.upload_seconds))
        finally:
            self._running -= counted

    def _check_key(self, headers: dict[bytes, bytes]) -> None:
        given = headers.get(b"x-api-key", b"")
        if self._key is not None and not secrets.compare_digest(given, self._key.encode()):
            raise Refused(401, "the header X-API-Key is missing or wrong")

    @property
    def _most_bytes(self) -> int:
        return self._limits.files * self._limits.file_bytes + MULTIPART_SPARE

    async def _watched(self, scope: Message, upload: "_Upload") -> None:
        receive = upload.receive if _may_have_body(scope) else upload.receive_anything
        try:
            await self._app(scope, receive, upload.send)
        except Exception:
            if upload.refused is None:
                raise
            await upload.answer_refusal()


class _Upload:
    """The two ends of one request; what is refused wins over whatever the application makes of it."""

    def __init__(self, receive: Receive, send: Send, most_bytes: int, seconds: float) -> None:
        self._receive, self._send, self._most_bytes = receive, send, most_bytes
        self._end = time.monotonic() + seconds
        self._seen = 0
        self._whole = False
        self._started = False
        self.refused: Refused | None = None

    async def receive(self) -> Message:
        """The next part of the body; raises Refused past the limits."""
        if self._whole:
            return await self.receive_anything()
        try:
            message = await asyncio.wait_for(self._receive(), max(0.001, self._end - time.monotonic()))
        except asyncio.TimeoutError:
            raise self._refuse(408, "the request did not arrive in time") from None
        self._seen += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._seen > self._most_bytes:
            raise self._refuse(413, f"a request holds at most {self._most_bytes} bytes")
        return message

    async def receive_anything(self) -> Message:
        """What comes next, whenever that is; after a body it is the end of the connection."""
        return await self._receive()

    def _refuse(self, status: int, detail: str) -> Refused:
        self.refused = Refused(status, detail)
        return self.refused

    async def send(self, message: Message) -> None:
        """Pass on what the application answers, unless the request was refused."""
        if self.refused is None:
            self._started = True
            await self._send(message)
        else:
            await self.answer_refusal()

    async def answer_refusal(self) -> None:
        """Say once why the request was refused."""
        if self.refused is not None and not self._started:
            self._started = True
            await answer(self._send, self.refused)


def _check_length(headers: dict[bytes, bytes], most_bytes: int) -> None:
    length = headers.get(b"content-length", b"0")
    if not length.isdigit():
        raise Refused(400, "Content-Length is no number")
    if int(length) > most_bytes:
        raise Refused(413, f"a request holds at most {most_bytes} bytes")


def _may_have_body(scope: Message) -> bool:
    """A plain GET has none, and whoever asks for its body while it runs asks for the connection's end."""
    headers = dict(scope["headers"])
    plain = scope["method"] in ("GET", "HEAD") and headers.get(b"content-length", b"0") == b"0"
    return not plain or b"transfer-encoding" in headers


async def answer(send: Send, refused: Refused) -> None:
    """Send a refusal as JSON, and close the connection, whose body nobody reads to its end."""
    body = json.dumps({"detail": refused.detail}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers.append((b"connection", b"close"))
    if refused.status == 429:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
