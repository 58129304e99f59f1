"""The REST API over loopback, in a process of its own, and the page in a real browser."""

import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

from deploy.engines import load_scorer
from tests.conftest import texture
from tests.rest_client import KEY, ask, begun, bomb, bytes_of, form, send, serve
from tests.test_export import write_checkpoint
from utils.checkpoint import save_checkpoint

for _package in ("fastapi", "uvicorn", "python_multipart"):
    pytest.importorskip(_package, reason=f"{_package} is in requirements-deploy.txt")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
LIMITS = ["--max_megabytes", "0.2", "--max_megapixels", "1", "--max_files", "3", "--upload_seconds", "1.5"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "a.pth"
    write_checkpoint(path, num_classes=4)
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


@pytest.fixture(scope="module")
def outspoken(model: Path) -> Path:
    """The same network, its last layer 300 times as large around two images: their scores lie far apart."""
    saved = torch.load(model, weights_only=True)
    probs = load_scorer(model).score([texture(1, 0.5), texture(1, 3.0)]).probs
    middle = probs.log().mean(dim=0)
    weights = saved["state_dict"]
    weights["classifier.3.bias"] = 300 * (weights["classifier.3.bias"] - middle)
    weights["classifier.3.weight"] *= 300
    path = model.with_name("outspoken.pth")
    save_checkpoint(path, saved)
    return path


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
@pytest.mark.parametrize(
    ("language", "better", "strange_file", "too_large"),
    [
        ("en-US", "is better", "not an image", "pixels, at most"),
        ("zh-CN", "更好", "不是可识别的图片格式", "像素，超过上限"),
    ],
    ids=["en", "zh"],
)
def test_the_page_in_a_browser(
    language: str, better: str, strange_file: str, too_large: str, outspoken: Path, tmp_path: Path
) -> None:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    pytest.importorskip(
        "gradio", reason="gradio is in requirements-deploy.txt; too heavy for requirements-dev.txt"
    )
    paths = {
        name: tmp_path / name for name in ("good.png", "soft.png", "broken.png", "large.png", "wide.png")
    }
    paths["good.png"].write_bytes(GOOD)
    paths["soft.png"].write_bytes(bytes_of(texture(1, 3.0)))
    paths["broken.png"].write_bytes(b"junk")
    paths["large.png"].write_bytes(bytes(300_000))
    paths["wide.png"].write_bytes(bomb())
    scores = load_scorer(outspoken).score([texture(1, 0.5), texture(1, 3.0)]).scores.tolist()
    assert abs(scores[0] - scores[1]) > 0.03
    winner = "good.png" if scores[0] > scores[1] else "soft.png"
    server = serve(outspoken, *LIMITS)
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_context(locale=language).new_page()
        strange: list[str] = []
        tab.on(
            "request",
            lambda r: strange.append(r.url) if re.match(r"https?://(?!127\.0\.0\.1)", r.url) else None,
        )
        tab.goto(f"http://127.0.0.1:{next(server)}")
        tab.wait_for_selector("#one input[type=file]", state="attached")
        for name, words in (("broken.png", strange_file), ("wide.png", too_large)):
            tab.set_input_files("#one input[type=file]", paths[name])
            tab.wait_for_selector(f"#card .problem:has-text('{words}')")
            tab.reload()
            tab.wait_for_selector("#one input[type=file]", state="attached")
        tab.set_input_files("#one input[type=file]", paths["large.png"])
        tab.wait_for_selector(".toast-body, [data-testid=toast-body]")
        tab.reload()
        tab.wait_for_selector("#one input[type=file]", state="attached")
        tab.set_input_files("#one input[type=file]", paths["good.png"])
        tab.wait_for_selector("#map img")
        assert float(tab.inner_text("#card .number")) == pytest.approx(scores[0], abs=1e-3)
        assert tab.locator("#card .shares i").count() == 4
        tab.get_by_role("tab").nth(1).click()
        tab.set_input_files("#first input[type=file]", paths["good.png"])
        tab.set_input_files("#second input[type=file]", paths["soft.png"])
        tab.wait_for_selector("#verdict strong")
        assert f"{winner} {better}" in tab.inner_text("#verdict")
        tab.get_by_role("tab").nth(2).click()
        tab.set_input_files("#many input[type=file]", [paths[name] for name in ("good.png", "broken.png")])
        tab.wait_for_selector("#table img:visible")
        assert strange_file in tab.inner_text("#table")
        assert strange == []
        browser.close()
    for _ in server:
        pass
