"""The REST API over loopback, in a process of its own. The page: test_page*.py."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deploy.engines import load_scorer
from rankiqa.quality_map import quality_map
from tests.conftest import texture
from tests.rest_client import KEY, ask, begun, bomb, bytes_of, form, send, serve
from tests.test_export import write_checkpoint

for _package in ("fastapi", "uvicorn", "python_multipart"):
    pytest.importorskip(_package, reason=f"{_package} is in requirements-deploy.txt")
LIMITS = ["--max_megabytes", "0.2", "--max_megapixels", "1", "--max_files", "3", "--upload_seconds", "1.5"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "a.pth"
    write_checkpoint(path, num_classes=4, arch="mobilenet_v3_small")
    return path


@pytest.fixture(scope="module")
def port(model: Path) -> Iterator[int]:
    yield from serve(model, "--api_only", "--api_key", KEY, "--max_requests", "4", *LIMITS)


GOOD = bytes_of(texture(1, 0.5))


def test_scores_are_the_scorers(port: int, model: Path) -> None:
    status, answer = send(port, ("ü.png", GOOD), ("b.png", bytes_of(texture(2, 2.0, (200, 64)))))
    assert status == 200
    expected = load_scorer(model).score([texture(1, 0.5), texture(2, 2.0, (200, 64))])
    for row, score, shares in zip(answer["results"], expected.scores, expected.probs, strict=True):
        assert row["score"] == pytest.approx(float(score), abs=1e-4)
        assert row["distribution"] == pytest.approx(shares.tolist(), abs=1e-4)
    assert [row["name"] for row in answer["results"]] == ["ü.png", "b.png"]
    assert (answer["results"][1]["width"], answer["results"][1]["height"]) == (64, 200)
    status, about = ask(port, "GET", "/v1/model")
    assert (status, about["arch"], about["num_classes"]) == (200, "mobilenet_v3_small", 4)
    assert "/v1/score" in ask(port, "GET", "/openapi.json")[1]["paths"]


@pytest.mark.parametrize(
    ("files", "status", "words"),
    [
        ([("a.png", bomb())], 422, "50000 x 50000 pixels, at most 1000000 are taken"),
        ([("a.png", bytes_of(Image.new("L", (1200, 1000))))], 422, "1200 x 1000 pixels, at most 1000000"),
        ([("a.png", GOOD[: len(GOOD) // 2])], 422, "damaged"),
        ([("a.exe", b"MZ" + bytes(99))], 422, "not an image"),
        ([("a.png", b"")], 422, "empty"),
        ([("a.png", bytes(210_000))], 422, "210000 bytes"),
        ([("a.png", GOOD)] * 4, 422, "4 files"),
        ([("../../../etc/passwd", b"x")], 422, "passwd"),
        ([("/etc/passwd", b"")], 422, "passwd: an empty file"),
    ],
)  # fmt: skip
def test_what_is_refused(port: int, files: list[tuple[str, bytes]], status: int, words: str) -> None:
    got, answer = send(port, *files)
    assert got == status
    assert words in answer["detail"]
    assert "root:" not in answer["detail"]
    assert send(port, ("a.png", GOOD))[0] == 200


def test_a_good_one_beside_a_bad_one(port: int) -> None:
    status, answer = send(port, ("a.png", GOOD), ("b.png", b"junk"))
    assert status == 200
    assert answer["results"][0]["score"] is not None
    assert answer["results"][1]["error"].startswith("not an image")


@pytest.mark.parametrize(
    ("body", "headers", "statuses"),
    [
        (b"junk", {"Content-Type": "multipart/form-data; boundary=edge"}, {400}),
        (b"junk", {"Content-Type": "multipart/form-data"}, {400, 422}),
        (b"{}", {"Content-Type": "application/json"}, {422}),
        (b"", {}, {422}),
        (form(("a", b"x"), field="other")[0], form()[1], {422}),
        (b"x", {"Content-Length": "99999999999"}, {413}),
    ],
)
def test_malformed_requests(port: int, body: bytes, headers: dict[str, str], statuses: set[int]) -> None:
    status, answer = ask(port, "POST", "/v1/score", body, headers)
    assert status in statuses
    assert "detail" in answer


def test_all_bad_ones_have_rows(port: int) -> None:
    status, answer = send(port, ("a.png", b"junk"), ("b.png", b""))
    assert status == 422
    assert [row["name"] for row in answer["results"]] == ["a.png", "b.png"]
    assert answer["results"][1]["error"] == "an empty file"
    assert answer["detail"] == "; ".join(f"{row['name']}: {row['error']}" for row in answer["results"])


def test_limits(port: int) -> None:
    status, limits = ask(port, "GET", "/v1/limits")
    assert status == 200
    assert (limits["files"], limits["file_bytes"], limits["pixels"]) == (3, int(0.2 * 2**20), 1_000_000)
    assert limits["request_bytes"] == 3 * limits["file_bytes"]


def test_the_map_is_the_runtimes(port: int, model: Path) -> None:
    """Cells are the means of 2 x 2 pixels; the box by hand."""
    image = texture(3, 1.0, (120, 200))
    body, headers = form(("a.png", bytes_of(image)), field="file")
    status, answer = ask(port, "POST", "/v1/map", body, headers)
    assert status == 200, answer
    expected = quality_map(image, load_scorer(model))
    assert expected.values.shape == (48, 64)
    means = expected.values.reshape(24, 2, 32, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(answer["values"], means, atol=1e-3 * (expected.ends[1] - expected.ends[0]))
    assert answer["ends"] == pytest.approx(expected.ends, abs=1e-4)
    assert answer["meaning"] == "change"
    assert answer["box"] == pytest.approx([20 / 200, 0, 160 / 200, 1])
    assert ask(port, "POST", "/v1/map", form(("a.png", b"junk"), field="file")[0], headers)[0] == 422


def test_keys(port: int) -> None:
    body, headers = form(("a.png", GOOD))
    for key in ("", "wrong", "s3cre\xfc"):
        assert ask(port, "POST", "/v1/score", body, {**headers, "X-API-Key": key})[0] == 401
        assert ask(port, "GET", "/v1/model", None, {"X-API-Key": key})[0] == 401
    assert ask(port, "GET", "/v1/health", None, {"X-API-Key": ""})[0] == 200


def test_slow_clients_end_with_408_and_leave_room(port: int) -> None:
    """Four slow ones fill the server: a fifth hears 429 at once, and is served when they have timed out."""
    slow = [begun(port) for _ in range(4)]
    time.sleep(0.5)
    assert send(port, ("a.png", GOOD))[0] == 429
    assert ask(port, "GET", "/v1/health")[0] == 200
    for client in slow:
        assert client.recv(1000).startswith(b"HTTP/1.1 408")
        client.close()
    assert send(port, ("a.png", GOOD))[0] == 200


def test_aborted_uploads_leave_room(port: int) -> None:
    for _ in range(8):
        begun(port).close()
    time.sleep(0.5)
    assert send(port, ("a.png", GOOD))[0] == 200


def test_an_endless_upload_is_cut_off(port: int) -> None:
    client = socket.create_connection(("127.0.0.1", port), timeout=15)
    client.sendall(
        f"POST /v1/score HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\nTransfer-Encoding: chunked\r\n".encode()
        + b"Content-Type: multipart/form-data; boundary=edge\r\n\r\n"
    )
    piece = form(("a.png", b""))[0][:-12] + bytes(100_000)
    try:
        for _ in range(20):
            client.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            piece = bytes(100_000)
        seen = client.recv(1000)
        assert seen.startswith(b"HTTP/1.1 413") or seen == b""
    except OSError:
        pass  # the server hung up in the middle, which is as good
    client.close()
    assert send(port, ("a.png", GOOD))[0] == 200


def test_requests_together_get_their_own_answers(port: int, model: Path) -> None:
    images = [texture(seed, seed / 4) for seed in range(12)]
    expected = [float(score) for score in load_scorer(model).score(images).scores]
    got: list[float] = [0.0] * len(images)

    def client(number: int) -> None:
        for _ in range(50):
            status, answer = send(port, ("a.png", bytes_of(images[number])))
            if status == 200:
                got[number] = answer["results"][0]["score"]
                return
            assert status == 429
            time.sleep(0.1)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(len(images))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == pytest.approx(expected, abs=1e-4)
