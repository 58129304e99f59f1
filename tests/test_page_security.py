"""The page against clients that are no browsers: files of the server, URLs, endless and slow requests."""

import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.conftest import texture
from tests.rest_client import KEY, PageClient, ask, bytes_of, file_data, send, serve
from tests.test_export import write_checkpoint

for _package in ("gradio", "fastapi", "uvicorn", "python_multipart"):
    pytest.importorskip(_package, reason=f"{_package} is in requirements-deploy.txt")
GOOD = bytes_of(texture(1, 0.5))
SECONDS = 1.5
FILES = 600
HEAD = "POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "a.pth"
    write_checkpoint(path, num_classes=4)
    return path


@pytest.fixture(scope="module")
def port(model: Path) -> Iterator[int]:
    limits = ["--max_megabytes", "0.5", "--max_megapixels", "1", "--upload_seconds", str(SECONDS)]
    yield from serve(model, "--api_key", KEY, *limits, most_files=FILES if shutil.which("bash") else None)


@pytest.fixture
def page(port: int) -> PageClient:
    client = PageClient(port)
    client.login()
    return client


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


def test_uploads_and_examples_are_judged(page: PageClient) -> None:
    upload = file_data(page.upload("a.png", GOOD))
    assert "class='number'" in page.event("one", upload)["data"][0]
    assert page.event("map", upload)["data"][0]["visible"]
    assert "class='verdict'" in page.event("two", upload, upload)["data"][0]
    assert page.event("many", [upload, upload])["data"][0]["value"]["data"][0][1] == "a.png"
    example = page.event("load_example", 0)["data"][0]["value"]
    assert "class='number'" in page.event("one", example)["data"][0]


def test_no_other_file_of_the_server_is_opened(page: PageClient, tmp_path: Path) -> None:
    private = tmp_path / "private.png"
    private.write_bytes(GOOD)
    upload = Path(page.upload("a.png", GOOD))
    beside = upload.parent / "../../.." / private.relative_to("/")
    for path in ("/etc/passwd", str(private), str(beside), f"file://{private}", "/proc/self/environ", "\0"):
        data = file_data(path)
        for name, values in [
            *(("one", [data]), ("map", [data]), ("load_example", [data]), ("one", [{"path": path}])),
            *(("two", [data, data]), ("many", [[file_data(str(upload)), data]])),
        ]:
            assert page.event(name, *values).get("error") == "not an uploaded file"
        assert page.ask("GET", f"/gradio_api/file={path}".replace("\0", "%00"))[0] in (403, 404)


def test_no_url_is_fetched(page: PageClient, elsewhere: tuple[str, list[str]]) -> None:
    url, asked = elsewhere
    for name, data in [("one", file_data(url)), ("map", file_data(url)), ("load_example", file_data(url))]:
        assert page.event(name, data).get("error") == "not an uploaded file"
    for route in ("file=", "file/"):
        status, answer = page.ask("GET", f"/gradio_api/{route}{url}")
        assert (status, json.loads(answer)["detail"]) == (403, "no URL is fetched")
    assert page.ask("GET", "/gradio_api/run-history/buckets", Authorization="Bearer x")[0] == 404
    assert asked == []


def test_an_uploaded_svg_never_opens_in_the_page(page: PageClient) -> None:
    path = page.upload("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    assert "was not taken" in page.event("one", file_data(path))["data"][0]
    assert page.ask("GET", f"/gradio_api/file={path}")[0] == 200
    assert page.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("language", "words"), [("en", "no longer on the server"), ("zh-CN", "已没有该文件")]
)
def test_a_file_that_was_deleted(page: PageClient, language: str, words: str) -> None:
    upload = file_data(page.upload("a.png", GOOD))
    gone = file_data(str(Path(page.upload("b.png", GOOD[:200])).with_name("gone.png")))
    for name in ("one", "two"):
        card = page.event(name, *[upload, gone][-1 if name == "one" else 0 :], language=language)["data"][0]
        assert "gone.png" in card
        assert words in card
    assert page.event("map", gone, language=language)["data"] == [
        {"visible": False, "value": None, "__type__": "update"},
        "",
    ]
    rows = page.event("many", [upload, gone], language=language)["data"][0]["value"]["data"]
    assert words in rows[1][-1]


def test_reasons_in_chinese(page: PageClient) -> None:
    for content, words in [
        (b"junk", "不是可识别的图片格式"),
        (b"", "空文件"),
        (GOOD[: len(GOOD) // 2], "图片已损坏"),
        (
            bytes_of(texture(1, 0.5).resize((1200, 1000)).convert("1")),
            "1200 x 1000 像素，超过上限 1000000 像素",
        ),
    ]:
        card = page.event("one", file_data(page.upload("a.png", content)), language="zh-CN")["data"][0]
        assert f"a.png：{words}<" in card


@pytest.mark.parametrize("path", ["/gradio_api/queue/join", "/login", "/v1/health", "/gradio_api/stream/a"])
def test_requests_without_images_are_small(port: int, path: str) -> None:
    assert PageClient(port).ask("POST", path, bytes(300_000), Content_Type="application/json")[0] == 413


def test_an_endless_event_is_cut_off_before_the_login(port: int) -> None:
    """Gradio reads the whole body, then asks who sends it."""
    with socket.create_connection(("127.0.0.1", port), timeout=15) as client:
        client.sendall(f"{HEAD.format('/gradio_api/queue/join')}Transfer-Encoding: chunked\r\n\r\n".encode())
        with pytest.raises(OSError, match="reset|pipe"):  # noqa: PT012
            for _ in range(640):
                client.sendall(b"10000\r\n" + bytes(65_536) + b"\r\n")
            pytest.fail("40 MB were taken")
    assert ask(port, "GET", "/v1/health")[0] == 200


def test_slow_bodies_and_heads_end(port: int) -> None:
    begun = f"{HEAD.format('/gradio_api/queue/join')}Content-Length: 99\r\n\r\n{{".encode()
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
    time.sleep(SECONDS + 1)
    assert ask(port, "GET", "/v1/health")[0] == 200
    for client in clients:
        client.close()


def test_scores_and_maps_end_in_time(model: Path) -> None:
    server = serve(model, "--score_seconds", "0", "--api_key", KEY)
    port = next(server)
    page = PageClient(port)
    page.login()
    assert send(port, ("a.png", GOOD))[0] == 503
    upload = file_data(page.upload("a.png", GOOD))
    assert "too busy" in page.event("one", upload)["data"][0]
    assert "too busy" in page.event("map", upload)["data"][1]
    for _ in server:
        pass


def test_examples_outlive_uploads(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    from gradio.route_utils import delete_files_created_by_app

    from demos import web_app

    app = web_app.build(web_app.parse(["--model", str(model), "--engine", "torch"]))
    blocks = app.routes[-1].app.get_blocks()
    copies = list(tmp_path.rglob("*.png"))
    assert copies
    delete_files_created_by_app(blocks, age=0)
    assert all(path.exists() for path in copies)
    app.state.service.close()


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
