"""The page: static files of this package, read once, each under one exact address; and headers of security.

A request names no file: what is not in the table of addresses is not there, whatever its path says.
"""

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Request, Response

PREFIX = "/page/"
INDEX = "index.html"
TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
    "webp": "image/webp",
}
# Nothing but files of this server and images that the visitor's own browser holds; no frame around it.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-cache",  # asked for each time, answered by 304 until the program changes
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
# Of every answer, the API's and its description's too.
EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
_NAME = re.compile(r"[a-z][a-z0-9_]*\.(" + "|".join(TYPES) + ")")


@dataclass(frozen=True)
class StaticFile:
    """A file of the page.

    Attributes:
        content: its bytes.
        media_type: for Content-Type.
        tag: ETag, a checksum of the content.
    """

    content: bytes
    media_type: str
    tag: str


def page_files(folder: str = "page", only: Collection[str] | None = None) -> dict[str, StaticFile]:
    """Address -> file, of all files of a page; that of index.html is "/".

    Args:
        folder: of the page, in rankiqa/serve.
        only: their names, where another page shares some of them.
    """
    found = {}
    for item in sorted(files("rankiqa.serve").joinpath(folder).iterdir(), key=lambda item: item.name):
        if item.is_file() and _NAME.fullmatch(item.name) and (only is None or item.name in only):
            content = item.read_bytes()
            tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            address = "/" if item.name == INDEX else PREFIX + item.name
            found[address] = StaticFile(content, TYPES[item.name.rpartition(".")[2]], tag)
    return found


def page_router(served: dict[str, StaticFile] | None = None) -> APIRouter:
    """A route for each file, of GET and HEAD; they need no key, for they hold nothing secret.

    Args:
        served: as of `page_files`; None: those of the page that scores.
    """
    router = APIRouter(include_in_schema=False)
    for address, file in (page_files() if served is None else served).items():
        router.add_api_route(address, _answering(file), methods=["GET", "HEAD"], name=address)
    return router


def _answering(file: StaticFile) -> Any:
    async def answer(request: Request) -> Response:
        headers = {**HEADERS, "ETag": file.tag}
        if file.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(file.content, media_type=file.media_type, headers=headers)

    return answer


class SecurityHeaders:
    """ASGI middleware that adds EVERYWHERE to each answer.

    Args:
        app: what it stands before.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._added = [(name.lower().encode(), value.encode()) for name, value in EVERYWHERE.items()]

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """One request."""

        async def with_headers(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *self._added]}
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)
