"""The page's server against clients that are no browsers: files of it, URLs, endless and slow requests."""

import json
import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.conftest import texture
from tests.rest_client import KEY, answer, ask, bytes_of, form, send, serve_runtime

for _package in ("fastapi", "uvicorn", "python_multipart", "onnxruntime"):
    pytest.importorskip(_package, reason=f"{_package} is in requirements-deploy.txt")
GOOD = bytes_of(texture(1, 0.5))
SECONDS = 1.0
FILES = 600
HEAD = "POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
# Where Gradio's page of earlier versions took files, paths and URLs, and where the page's own files stand.
ROUTES = ("/", "/page/", "/static/", "/gradio_api/file=", "/gradio_api/file/", "/file=", "/v1/", "/docs/")


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    limits = ["--max_megabytes", "0.5", "--max_megapixels", "1", "--upload_seconds", str(SECONDS)]
    most = FILES if shutil.which("bash") else None
    yield from serve_runtime(tmp_path_factory.mktemp("server"), "--api_key", KEY, *limits, most_files=most)


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """An image's URL on another server, and the requests that it got."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(GOOD)

        do_HEAD = do_GET  # noqa: N815

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/a.png", asked
    server.shutdown()
    thread.join()
    server.server_close()


def map_of(port: int, name: str, content: bytes) -> tuple[int, dict]:
    body, headers = form((name, content), field="file")
    return ask(port, "POST", "/v1/map", body, headers)


def text_field(name: str, value: str) -> bytes:
    """A form that names a file where it should hold one."""
    return f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n--edge--\r\n'.encode()


def refusals(port: int, named: str) -> list[int]:
    """Statuses of every way to ask the server for a file or URL by its name."""
    heard = []
    for route in ROUTES:
        for path in (quote(f"{route}{named}", safe=""), quote(f"{route}{named}"), f"{route}{named}"):
            with suppress(ValueError, UnicodeError):  # http.client sends no such path
                path = "/" + path.removeprefix("/").removeprefix("%2F")
                heard.append(answer(port, "GET", path, headers={"X-API-Key": KEY})[0])
    kind = form()[1]
    for field, route in (("files", "/v1/score"), ("file", "/v1/map"), ("path", "/v1/score")):
        heard.append(ask(port, "POST", route, text_field(field, named), kind)[0])
        sent = json.dumps({field: [{"path": named, "meta": {"_type": "gradio.FileData"}}]}).encode()
        heard.append(ask(port, "POST", route, sent, {"Content-Type": "application/json"})[0])
    return heard


def test_uploads_and_examples_are_judged(port: int) -> None:
    example = answer(port, "GET", "/page/example.webp")[2]
    for name, content in (("a.png", GOOD), ("example.webp", example)):
        status, said = send(port, (name, content))
        assert (status, said["results"][0]["name"]) == (200, name)
    status, said = map_of(port, "a.png", GOOD)
    assert status == 200
    assert max(len(said["values"]), len(said["values"][0])) <= 48
    assert send(port, ("a.png", GOOD), ("b.png", GOOD))[0] == 200


def test_no_other_file_of_the_server_is_opened(port: int, tmp_path: Path) -> None:
    private = tmp_path / "private.png"
    private.write_bytes(GOOD)
    up = "../" * 12
    names = ["/etc/passwd", str(private), f"{up}{private}", f"file://{private}", "/proc/self/environ", "\0"]
    names += [
        "../api.py",
        "..\\api.py",
        "%2e%2e/api.py",
        "....//api.py",
        ".git/config",
        ".env",
        "__init__.py",
    ]
    for name in names:
        assert set(refusals(port, name)) <= {400, 404, 405, 422}, name
        for said in (send(port, (name.replace("\0", "%00"), b"x")), map_of(port, name.strip("\0"), b"x")):
            assert said[0] == 422
            assert "root:" not in said[1]["detail"]


def test_no_url_is_fetched(port: int, elsewhere: tuple[str, list[str]]) -> None:
    url, asked = elsewhere
    assert set(refusals(port, url)) <= {400, 404, 405, 422}
    for route in ("/gradio_api/run-history/buckets", "/gradio_api/queue/join", "/config", "/login"):
        assert answer(port, "GET", route, headers={"Authorization": "Bearer x"})[0] == 404
    assert answer(port, "GET", url, headers={"X-API-Key": KEY})[0] in (400, 404)  # as one asks a proxy
    assert send(port, (url, b"x"))[0] == 422
    assert asked == []


def test_an_uploaded_svg_never_opens_in_the_page(port: int) -> None:
    drawing = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    body, headers = form(("a.svg", drawing))
    for route, field in (("/v1/score", "files"), ("/v1/map", "file")):
        body, headers = form(("<img src=x onerror=alert(1)>.svg", drawing), field=field)
        status, said, content = answer(port, "POST", route, body, {**headers, "X-API-Key": KEY})
        assert status == 422
        assert (said["Content-Type"], said["X-Content-Type-Options"]) == ("application/json", "nosniff")
        assert drawing not in content
    assert answer(port, "GET", "/page/a.svg")[0] == 404


def test_what_the_server_says_of_images_has_words_in_the_page(port: int) -> None:
    """The patterns of errors.js, read as Python's, on what the server says; the key is of the cause."""
    script = answer(port, "GET", "/page/errors.js")[2].decode()
    patterns = re.findall(r'\[/(.+?)/, "(error\.\w+)"', script)
    assert len(patterns) >= 8
    wide = bytes_of(texture(1, 0.5).resize((1200, 1000)).convert("1"))
    said = {
        "error.kind": b"junk",
        "error.empty": b"",
        "error.damaged": GOOD[: len(GOOD) // 2],
        "error.pixels": wide,
        "error.bytes": bytes(600_000),
    }
    for key, content in said.items():
        error = send(port, ("a.png", content))[1]["results"][0]["error"]
        first = next((word for pattern, word in patterns if re.search(pattern, error)), None)
        assert first == key, error


@pytest.mark.parametrize(
    "path", ["/gradio_api/queue/join", "/login", "/v1/health", "/", "/page/main.js", "/docs"]
)
def test_requests_without_images_are_small(port: int, path: str) -> None:
    assert answer(port, "POST", path, bytes(300_000), {"Content-Type": "application/json"})[0] == 413


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/gradio_api/queue/join"])
def test_an_endless_request_is_cut_off(port: int, path: str) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=15) as client:
        client.sendall(f"{HEAD.format(path)}Transfer-Encoding: chunked\r\n\r\n".encode())
        with pytest.raises(OSError, match="reset|pipe"):  # noqa: PT012
            for _ in range(640):
                client.sendall(b"10000\r\n" + bytes(65_536) + b"\r\n")
            pytest.fail("40 MB were taken")
    assert ask(port, "GET", "/v1/health")[0] == 200


def test_slow_bodies_and_heads_end(port: int) -> None:
    slow = f"{HEAD.format('/v1/map')}X-API-Key: {KEY}\r\nContent-Length: 99\r\n\r\n{{"
    begun = slow.replace("application/json", "multipart/form-data; boundary=edge").encode()
    answered = b"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n"
    clients = []
    for first in (begun, HEAD.format("/v1/score").encode(), b"", answered):
        clients.append(socket.create_connection(("127.0.0.1", port), timeout=15))
        clients[-1].sendall(first)
    assert _read(clients[3], b"}").startswith(b"HTTP/1.1 200")
    clients[3].sendall(answered[:-2])  # a second request, whose head never ends
    start = time.monotonic()
    assert clients[0].recv(1000).startswith(b"HTTP/1.1 408")
    for client in clients[1:]:
        assert _ended(client)
        client.close()
    clients[0].close()
    assert time.monotonic() - start < SECONDS + 5


@pytest.mark.skipif(shutil.which("bash") is None, reason="no ulimit on this system")
def test_a_third_of_the_servers_files_are_connections(port: int) -> None:
    clients = [socket.create_connection(("127.0.0.1", port), timeout=15) for _ in range(FILES // 3 + 100)]
    for client in clients:
        with suppress(ConnectionError):
            client.sendall(HEAD.format("/v1/score").encode())
    assert _ended(clients[-1])
    time.sleep(SECONDS + 0.5)
    assert ask(port, "GET", "/v1/health")[0] == 200
    for client in clients:
        client.close()


def test_scores_and_maps_end_in_time_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uploads of more than a megabyte go to the disk while they are worked on."""
    kept = tmp_path / "temporary"
    kept.mkdir()
    monkeypatch.setenv("TMPDIR", str(kept))
    server = serve_runtime(tmp_path, "--score_seconds", "0", "--api_key", KEY)
    port = next(server)
    noise = bytes_of(texture(1, 0.0, (600, 800)))
    assert len(noise) > 2**20
    assert send(port, ("a.png", noise))[0] == 503
    status, said = map_of(port, "a.png", noise)
    assert (status, said["detail"]) == (503, "the server is too busy; try again")
    assert ask(port, "GET", "/v1/health")[0] == 200
    assert list(kept.rglob("*")) == []
    for _ in server:
        pass


def _read(client: socket.socket, end: bytes) -> bytes:
    seen = b""
    while not seen.endswith(end):
        seen += client.recv(1000)
    return seen


def _ended(client: socket.socket) -> bool:
    try:
        return client.recv(1000) == b""
    except ConnectionError:
        return True
