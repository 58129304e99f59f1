"""`rankiqa serve`: the page and the REST API as a command."""

import argparse
import os
import socket
from contextlib import suppress
from typing import Any

from rankiqa.optional import require
from rankiqa.scorer import Scorer
from rankiqa.serve.limits import Limits
from rankiqa.terminal.argument_types import positive_float, positive_int


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of a server."""
    add_address(parser)
    add = parser.add_argument
    add("--api_key", metavar="KEY", default=os.environ.get("RANKIQA_API_KEY"),
        help="key that clients must send as X-API-Key; also taken from RANKIQA_API_KEY")  # fmt: skip
    add("--max_megabytes", type=positive_float, default=20, metavar="N", help="largest file, in MB")
    add("--max_megapixels", type=positive_float, default=50, metavar="N", help="largest image, in megapixels")
    add("--max_video_seconds", type=positive_float, default=60, metavar="N", help="longest video, in seconds")
    add("--max_files", type=positive_int, default=16, metavar="N", help="most files per request")
    add("--max_requests", type=positive_int, default=64, metavar="N",
        help="most requests at once; further ones get status 429")  # fmt: skip
    add(
        "--upload_seconds",
        type=positive_float,
        default=30,
        metavar="N",
        help="longest arrival of a request",
    )
    add(
        "--score_seconds",
        type=positive_float,
        default=60,
        metavar="N",
        help="longest time from then to the answer",
    )
    add("--api_only", action="store_true", help="serve the API without the page")


def add_address(parser: argparse.ArgumentParser) -> None:
    """Add --host and --port."""
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen at; 0.0.0.0 lets other machines in"
    )
    parser.add_argument("--port", type=_port, default=7860, help="port to listen at")


def _port(text: str) -> int:
    """A port of TCP; a type for argparse."""
    number = positive_int(text)
    if number > 65535:
        raise argparse.ArgumentTypeError(f"{text} is above 65535")
    return number


def create(arguments: argparse.Namespace, scorer: Scorer) -> Any:
    """The application by the flags of `add_flags`.

    Raises:
        ConfigError: a package of rankiqa[serve] is not installed.
    """
    for module, package in (("fastapi", "fastapi"), ("python_multipart", "python-multipart")):
        require(module, "the server", package)
    from rankiqa.serve.api import create_app

    limits = Limits(
        file_bytes=int(arguments.max_megabytes * 2**20),
        pixels=int(arguments.max_megapixels * 1e6),
        files=arguments.max_files,
        upload_seconds=arguments.upload_seconds,
        score_seconds=arguments.score_seconds,
        concurrent=arguments.max_requests,
        video_seconds=arguments.max_video_seconds,
    )
    return create_app(scorer, limits, arguments.api_key, page=not arguments.api_only)


def serve(app: Any, arguments: argparse.Namespace) -> None:
    """Serve until interrupted. Neither page nor API needs websockets, which no limit watches.

    Raises:
        ConfigError: uvicorn is not installed.
    """
    uvicorn: Any = require("uvicorn", "the server")
    from rankiqa.serve.connections import BACKLOG, limited_protocol, most_connections

    settings = uvicorn.Config(
        app,
        host=arguments.host,
        port=arguments.port,
        log_level="warning",
        timeout_keep_alive=15,
        ws="none",
        http=limited_protocol(arguments.upload_seconds, most_connections()),
        backlog=BACKLOG,
    )
    server = uvicorn.Server(settings)
    start = server.startup

    async def start_and_tell(sockets: list[socket.socket] | None = None) -> None:
        await start(sockets=sockets)
        # Not before: whoever waits for the line connects next, and a port that is taken has no server.
        if server.started:
            print(f"http://{arguments.host}:{arguments.port}  (API: /docs)", flush=True)

    server.startup = start_and_tell
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        raise SystemExit(3)  # as uvicorn.run has it; it has said why
