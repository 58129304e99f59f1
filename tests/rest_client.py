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
    """A server on a free port, ended afterwards; fails where its log holds a stack trace.

    With `most_files` it may open no more at once, its connections among them.
    """
    port = free_port()
    command = [sys.executable, str(ROOT / "demos" / "web_app.py"), "--model", str(model), "--engine", "torch"]
    log = model.with_name(f"{port}.log")
    with log.open("w") as file:
        whole = [*command, "--port", str(port), *flags]
        if most_files:
            whole = ["bash", "-c", f'ulimit -n {most_files}; exec "$@"', "bash", *whole]
        run = subprocess.Popen(whole, stdout=file, stderr=file)
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


class PageClient:
    """What a browser sends for the page, without the browser; after `login`."""

    def __init__(self, port: int) -> None:
        self._port, self._sessions = port, 0
        self._cookie = ""

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        try:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, {"Cookie": self._cookie, **names})
            response = connection.getresponse()
            cookies = [value.split(";")[0] for value in response.headers.get_all("set-cookie") or []]
            self._cookie = "; ".join(cookies) or self._cookie
            self.headers = response.headers
            return response.status, response.read()
        finally:
            connection.close()

    def login(self) -> None:
        kind = "application/x-www-form-urlencoded"
        status, _ = self.ask("POST", "/login", f"username=rankiqa&password={KEY}".encode(), Content_Type=kind)
        assert status == 200
        config = json.loads(self.ask("GET", "/config")[1])
        self._functions = {item["api_name"]: item["id"] for item in config["dependencies"]}

    def upload(self, name: str, content: bytes) -> str:
        """The path of the server's copy."""
        body, headers = form((name, content))
        status, answer = self.ask("POST", "/gradio_api/upload", body, Content_Type=headers["Content-Type"])
        assert status == 200, answer
        return json.loads(answer)[0]

    def event(self, name: str, *data: object, language: str = "en") -> dict:
        """The output of the page's function for the data."""
        self._sessions += 1
        session = f"{id(self)}-{self._sessions}"
        sent = {"data": data, "fn_index": self._functions[name], "session_hash": session}
        kind = {"Content_Type": "application/json", "Accept_Language": language}
        status, answer = self.ask("POST", "/gradio_api/queue/join", json.dumps(sent).encode(), **kind)
        assert status == 200, answer
        stream = self.ask("GET", f"/gradio_api/queue/data?session_hash={session}")[1].decode()
        messages = [json.loads(line[5:]) for line in stream.splitlines() if line.startswith("data:")]
        return next(item["output"] for item in messages if item["msg"] == "process_completed")


def file_data(path: str) -> dict[str, object]:
    """As Gradio's page names a file."""
    return {"path": path, "meta": {"_type": "gradio.FileData"}}
