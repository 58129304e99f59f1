"""The page's files over HTTP: which ones there are, under which headers, how heavy, and in both languages."""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
import tomllib

import rankiqa
from rankiqa.optional import installed
from tests.conftest import ROOT, texture
from tests.rest_client import KEY, answer, ask, bytes_of, in_process, send, serve_runtime

for _package in ("fastapi", "uvicorn", "python_multipart", "onnxruntime"):
    pytest.importorskip(_package, reason=f"{_package} is in requirements-deploy.txt")
from rankiqa.serve.api import create_app  # noqa: E402  # needs these packages

FOLDER = ROOT / "rankiqa" / "serve" / "page"
NAMES = sorted(path.name for path in FOLDER.iterdir())
LANGUAGES = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.json")}
SCRIPTS = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.js")}
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    yield from serve_runtime(tmp_path_factory.mktemp("server"), "--api_key", KEY)


def test_files_and_headers(port: int) -> None:
    for name in NAMES:
        path = "/" if name == "index.html" else f"/page/{name}"
        status, headers, content = answer(port, "GET", path)
        assert (status, content) == (200, (FOLDER / name).read_bytes()), name
        assert headers["Content-Type"] == KINDS[Path(name).suffix]
        policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["img-src"] == "'self' blob: data:"
        for part in ("frame-ancestors", "base-uri", "form-action"):
            assert policy[part] == "'none'"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        status, again, content = answer(port, "GET", path, headers={"If-None-Match": headers["ETag"]})
        assert (status, content, again["ETag"]) == (304, b"", headers["ETag"])
        status, head, content = answer(port, "HEAD", path)
        assert (status, content, head["Content-Length"]) == (200, b"", headers["Content-Length"])
        assert answer(port, "POST", path)[0] == 405


def test_nothing_else_is_there(port: int) -> None:
    for path in (
        *(
            "/index.html",
            "/page",
            "/page/",
            "/page/index.html",
            "/page/main.js/",
            "/page//main.js",
            "/favicon.ico",
        ),
        *(
            "/page/.hidden",
            "/page/..",
            "/page/../page/main.js",
            "/page/%2e%2e/api.py",
            "/page/main.JS",
            "/v2/a",
        ),
        *(
            "/v2/a",
            "/favicon.ico",
            "/page/main.js%00",
            "/page/../../../../../etc/passwd",
            "/page/%2Fetc%2Fpasswd",
        ),
    ):
        status, headers, _ = answer(port, "GET", path)
        assert status == 404, path
        assert headers["X-Content-Type-Options"] == "nosniff"
    assert answer(port, "GET", "/openapi.json")[0] == 200
    assert set(ask(port, "GET", "/openapi.json")[1]["paths"]) == {
        *("/v1/health", "/v1/model", "/v1/limits", "/v1/score", "/v1/map"),
        *(["/v1/video"] if installed("av") else []),
    }


def test_the_key_guards_answers_and_not_the_page(port: int) -> None:
    assert answer(port, "GET", "/")[0] == 200
    for method, path in (
        ("GET", "/v1/model"),
        ("GET", "/v1/limits"),
        ("POST", "/v1/map"),
        ("POST", "/v1/video"),
        ("POST", "/v1/score"),
    ):
        assert answer(port, method, path)[0] == 401
    assert send(port, ("a.png", bytes_of(texture(1, 0.5))))[0] == 200


def test_the_api_alone() -> None:
    app = create_app(rankiqa.load())
    for path in ("/", "/page/main.js"):
        assert in_process(app, "GET", path)[0] == 404
    assert in_process(app, "GET", "/v1/limits")[0] == 200
    app.state.service.close()


def test_weight_and_package_data() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 300_000
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    for name in NAMES:
        assert any(fnmatch(f"serve/page/{name}", pattern) for pattern in patterns["rankiqa"])
        assert re.fullmatch(r"[a-z][a-z0-9_]*\.\w+", name), f"{name} is not served"


def test_the_page_asks_nobody_else() -> None:
    """No address of another server, and nothing that the policy would stop."""
    for name in NAMES:
        if not name.endswith(".webp"):
            text = (FOLDER / name).read_text(encoding="utf-8")
            assert not re.findall(r"https?://(?!www\.w3\.org/)", text), name
            assert not re.findall(
                r"innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text
            ), name
    index = (FOLDER / "index.html").read_text(encoding="utf-8")
    assert not re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", index)
    assert all(f"page/{name}" in index for name in NAMES if name.endswith(".css"))


def test_languages_say_the_same_things() -> None:
    assert set(LANGUAGES) == {"en", "zh"}
    assert list(LANGUAGES["en"]) == list(LANGUAGES["zh"])
    for key, english in LANGUAGES["en"].items():
        places = [sorted(re.findall(r"\{\w+\}", words[key])) for words in LANGUAGES.values()]
        assert places[0] == places[1], key
        assert english.strip() and LANGUAGES["zh"][key].strip()


def test_every_word_is_there_and_used() -> None:
    """Keys are named in full, or built by `${...}` from a stem."""
    text = "\n".join([*SCRIPTS.values(), (FOLDER / "index.html").read_text(encoding="utf-8")])
    stems = set(re.findall(r"`([a-z]+\.)\$\{", text))
    words = LANGUAGES["en"]
    named = set(re.findall(r'say\("([\w.]+)"', text)) | set(
        re.findall(r'data-(?:text|label)"?[=:] ?"([\w.]+)"', text)
    )
    assert named and named <= set(words)
    for key in words:
        assert f'"{key}"' in text or any(key.startswith(stem) for stem in stems), f"{key} is never said"
