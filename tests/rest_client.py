"""A server of the REST API in a process of its own, and what well and badly behaved clients send to it."""

import http.client
import io
import json
import socket
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from tests.conftest import ROOT, free_port

KEY = "s3cret"


def serve(model: Path, *flags: str, most_files: int | None = None) -> Iterator[int]:
    """A server of demos/web_app.py on a free port; see `served`."""
    command = [sys.executable, str(ROOT / "demos" / "web_app.py"), "--model", str(model), "--engine", "torch"]
    yield from served([*command, *flags], model.parent, most_files)


def serve_runtime(folder: Path, *flags: str, most_files: int | None = None) -> Iterator[int]:
    """A server of `rankiqa serve` with the default model, which starts sooner; see `served`."""
    yield from served([sys.executable, "-m", "rankiqa", "serve", *flags], folder, most_files)


def served(command: list[str], folder: Path, most_files: int | None) -> Iterator[int]:
    """A server on a free port, ended afterwards; fails where its log, in `folder`, holds a stack trace.

    With `most_files` it may open no more at once, its connections among them.
    """
    port = free_port()
    log = folder / f"{port}.log"
    with log.open("w") as file:
        whole = [*command, "--port", str(port)]
        if most_files:
            whole = ["bash", "-c", f'ulimit -n {most_files}; exec "$@"', "bash", *whole]
        run = subprocess.Popen(whole, stdout=file, stderr=file, cwd=ROOT)
    try:
        until_up(port, run)
        assert run.poll() is None, log.read_text()
        yield port
    finally:
        run.terminate()
        run.wait(20)
    assert "Traceback" not in log.read_text()


def until_up(port: int, server: subprocess.Popen[bytes]) -> None:
    """Returns when the server answers, when it has ended, or after 90 seconds."""
    end = time.monotonic() + 90
    while time.monotonic() < end and server.poll() is None:
        try:
            if ask(port, "GET", "/v1/health")[0] == 200:
                return
        except OSError:
            time.sleep(0.2)


def ask(
    port: int, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, dict]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, {"X-API-Key": KEY, **(headers or {})})
        response = connection.getresponse()
        return response.status, json.loads(response.read() or b"{}")
    finally:
        connection.close()


def form(*files: tuple[str, bytes], field: str = "files") -> tuple[bytes, dict[str, str]]:
    parts = [
        f'--edge\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'.encode()
        + content
        + b"\r\n"
        for name, content in files
    ]
    return b"".join(parts) + b"--edge--\r\n", {"Content-Type": "multipart/form-data; boundary=edge"}


def send(port: int, *files: tuple[str, bytes], field: str = "files") -> tuple[int, dict]:
    body, headers = form(*files, field=field)
    return ask(port, "POST", "/v1/score", body, headers)


def bytes_of(image: Image.Image, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def bomb() -> bytes:
    """A PNG of 50,000 x 50,000 pixels, by its header."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(99)))
        + chunk(b"IEND", b"")
    )


def begun(port: int, length: int = 1000) -> socket.socket:
    """A client that sends the head of a request and a little of its body."""
    client = socket.create_connection(("127.0.0.1", port), timeout=15)
    head = f"POST /v1/score HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\nContent-Length: {length}\r\n"
    client.sendall(f"{head}Content-Type: multipart/form-data; boundary=edge\r\n\r\n--edge".encode())
    return client


def answer(
    port: int, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, http.client.HTTPMessage, bytes]:
    """Status, headers and content, whatever they are; no key is sent. The path goes out as it stands."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()
