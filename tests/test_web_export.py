"""`rankiqa export_web`: a folder of static files, and the npm registry that it takes ONNX Runtime from."""

import base64
import hashlib
import io
import json
import re
import tarfile
import threading
from collections.abc import Iterator
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import tomllib

from rankiqa import cli
from rankiqa.spec import ModelSpec
from tests.conftest import ROOT, free_port
from tests.planted_images import write_model

pytest.importorskip("onnxruntime", reason="onnxruntime is in requirements.txt")
OWN, SHARED = ROOT / "rankiqa" / "web" / "page", ROOT / "rankiqa" / "serve" / "page"
RUNTIME = {  # in the folder -> in the package
    "ort/ort.js": "dist/ort.wasm.min.mjs",
    "ort/glue.js": "dist/ort-wasm-simd-threaded.mjs",
    "ort/ort.wasm": "dist/ort-wasm-simd-threaded.wasm",
}


def package(version: str = "1.30.0", name: str = "onnxruntime-web", without: str = "") -> bytes:
    """A tarball as `npm pack` makes it; each file says its name and version."""
    buffer = io.BytesIO()
    about = json.dumps({"name": name, "version": version})
    contents = {source: f"{source} {version}" for source in RUNTIME.values()} | {"package.json": about}
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for source, text in contents.items():
            if source != without:
                member = tarfile.TarInfo(f"package/{source}")
                member.size = len(text)
                tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


class Registry:
    """An npm registry at loopback: address -> (status, content); what was asked for is in `asked`."""

    def __init__(self, *versions: str) -> None:
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                registry.asked.append(self.path)
                status, content = registry.answers.get(self.path, (404, b"{}"))
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=[0.02], daemon=True).start()
        self.offer(*versions)

    def offer(self, *versions: str, host: str | None = None, **changes: Any) -> None:
        described = {}
        for version in versions:
            content, path = package(version), f"/onnxruntime-web/-/onnxruntime-web-{version}.tgz"
            digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
            dist = {"tarball": (host or self.url) + path, "integrity": f"sha512-{digest}", **changes}
            described[version] = {"dist": dist}
            self.answers[path] = (200, content)
        self.answers["/onnxruntime-web"] = (200, json.dumps({"versions": described}).encode())


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    made = Registry("1.21.9", "1.22.0", "1.30.0", "1.9.0", "1.31.0-dev.1", "2.0.0")
    monkeypatch.setenv("npm_config_registry", made.url + "/")
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "red.onnx")


def written(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def refused(capsys: pytest.CaptureFixture[str], folder: Path, *argv: object) -> str:
    """The one line of a command that ends with status 2 and writes nothing."""
    before = written(folder) if folder.exists() else None
    capsys.readouterr()
    assert cli.main(["export_web", "--out", str(folder), *map(str, argv)]) == 2
    captured = capsys.readouterr()
    assert (written(folder) if folder.exists() else None) == before
    [line] = captured.err.splitlines()
    assert not captured.out
    return line


def test_a_folder(registry: Registry, model: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "a" / "site"
    assert cli.main(["export_web", str(model), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "onnxruntime-web 1.30.0" in said and f"http.server --directory {out}" in said
    assert registry.asked == ["/onnxruntime-web", "/onnxruntime-web/-/onnxruntime-web-1.30.0.tgz"]
    found = written(out)
    assert {name: found[name].decode() for name in RUNTIME} == {
        name: f"{source} 1.30.0" for name, source in RUNTIME.items()
    }
    assert found["model/model.onnx"] == model.read_bytes()
    about = json.loads(found["model/model.json"])
    assert ModelSpec.from_dict(about["spec"]).arch == "red"
    for name in ("model/model.onnx", "ort/ort.wasm"):
        assert about["files"][name]["bytes"] == len(found[name])
        assert hashlib.sha256(found[name]).hexdigest().startswith(about["files"][name]["version"])
    assert "onnxruntime-web 1.30.0, MIT" in found["NOTICE.txt"].decode()
    pages = {f"page/{path.name}" for folder in (OWN, SHARED) for path in folder.iterdir()}
    assert set(found) == {
        *(pages - {"page/index.html"}),
        *RUNTIME,
        *("index.html", "NOTICE.txt", "model/model.onnx", "model/model.json"),
    }
    index = found["index.html"].decode()
    assert "connect-src 'self'" in index and "wasm-unsafe-eval" in index
    assert "<!--" not in index and 'id="key"' not in index and 'href="docs"' not in index
    assert not re.findall(r"""(?:src|href)="(?:/|\w+:)""", index)  # relative: the folder may lie anywhere


def test_it_is_written_anew_and_other_files_stay(registry: Registry, model: Path, tmp_path: Path) -> None:
    argv = ["export_web", str(model), "--out", str(tmp_path)]
    assert cli.main(argv) == 0
    (tmp_path / "CNAME").write_text("example.org")
    (tmp_path / "page" / "main.js").write_text("old")
    registry.offer("1.22.0")
    assert cli.main(argv) == 0
    found = written(tmp_path)
    assert found["CNAME"] == b"example.org"
    assert found["page/main.js"] == (SHARED / "main.js").read_bytes()
    assert found["ort/ort.wasm"].endswith(b" 1.22.0")


def test_the_package_from_disk(registry: Registry, model: Path, tmp_path: Path) -> None:
    archive, folder = tmp_path / "a.tgz", tmp_path / "modules"
    archive.write_bytes(package("1.25.0"))
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    for number, source in enumerate((archive, folder / "package")):
        out = tmp_path / f"site{number}"
        assert cli.main(["export_web", str(model), "--out", str(out), "--ort_web", str(source)]) == 0
        assert (out / "ort" / "glue.js").read_text() == f"{RUNTIME['ort/glue.js']} 1.25.0"
    assert registry.asked == []


def test_packages_that_will_not_do(model: Path, tmp_path: Path, capsys: Any) -> None:
    source, out = tmp_path / "a.tgz", tmp_path / "site"
    cases = {
        "not a whole .tgz file": package()[:-40],
        "lacks dist/ort.wasm.min.mjs": package(without="dist/ort.wasm.min.mjs"),
        "package.json is missing": package(without="package.json"),
        "onnxruntime-web from 1.22 up to but not 2.0 is needed": package("1.21.4"),
        "onnxruntime-node 1.30.0;": package(name="onnxruntime-node"),
    }
    for words, content in cases.items():
        source.write_bytes(content)
        line = refused(capsys, out, model, "--ort_web", source)
        assert words in line and str(source) in line
    line = refused(capsys, out, model, "--ort_web", tmp_path / "none.tgz")
    assert "no such file" in line and "npm pack onnxruntime-web" in line


def test_registries_that_will_not_do(
    registry: Registry, model: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "site"

    def says(*words: str) -> None:
        line = refused(capsys, out, model)
        assert all(word in line for word in (*words, "--ort_web FILE.tgz")), line

    registry.offer("1.30.0", integrity="sha512-AAAA")
    says("-1.30.0.tgz", "SHA-512")
    registry.offer("1.30.0", integrity=None)
    says("integrity is missing")
    registry.offer("1.20.0", "2.1.0", "1.30.0-rc.1")
    says("no version from 1.22 up to but not 2.0")
    registry.offer("1.30.0", host="ftp://example.org")
    says("not at https://")
    registry.answers["/onnxruntime-web"] = (200, b"<html>")
    says("not the metadata of a package")
    registry.answers["/onnxruntime-web"] = (503, b"")
    says("answers 503")
    monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{free_port()}")
    says("can't be fetched", "refused")
    monkeypatch.setenv("npm_config_registry", "file:///etc")
    says("file:///etc", "no address of https://")


def test_the_registry_of_npmrc_and_of_a_mirror(
    registry: Registry, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mirror passes on metadata that name npm's own registry; it gives the tarball all the same."""
    monkeypatch.delenv("npm_config_registry")
    (tmp_path / "npmrc").write_text(
        f"# mine\nfund=false\nregistry = {registry.url}/\n@own:registry=https://a.b\n"
    )
    monkeypatch.setenv("NPM_CONFIG_USERCONFIG", str(tmp_path / "npmrc"))
    registry.offer("1.30.0", host="https://registry.npmjs.org")
    assert cli.main(["export_web", str(model), "--out", str(tmp_path / "site")]) == 0
    assert len(registry.asked) == 2


def test_models_and_folders_that_will_not_do(
    registry: Registry, model: Path, tmp_path: Path, capsys: Any
) -> None:
    onnx = pytest.importorskip("onnx")
    out = tmp_path / "site"
    assert "no such file" in refused(capsys, out, tmp_path / "none.onnx")
    (tmp_path / "a.pth").write_bytes(b"x")
    assert "browsers run .onnx files" in refused(capsys, out, tmp_path / "a.pth")
    assert "browsers run .onnx files" in refused(capsys, out, tmp_path / "a.xml")
    apart = tmp_path / "apart.onnx"
    big = onnx.load(str(model))
    [weights] = big.graph.initializer
    weights.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(weights), weights.name))
    onnx.save(big, str(apart), save_as_external_data=True, location="weights", size_threshold=0)
    assert "keeps its weights in another file" in refused(capsys, out, apart)
    out.mkdir()
    (out / "index.html").write_text("mine")
    assert "holds an index.html of something else" in refused(capsys, out, model)
    assert "--out" in refused(capsys, out / "index.html" / "below", model)
    assert registry.asked == []


def test_words_and_parts_of_the_page() -> None:
    """Both languages say the same things, every word is used, what is replaced is there, all is packaged."""
    words = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in OWN.glob("*.json")}
    assert set(words) == {"en", "zh"} and list(words["en"]) == list(words["zh"])
    shared = json.loads((SHARED / "en.json").read_text(encoding="utf-8"))
    scripts = "\n".join(path.read_text(encoding="utf-8") for path in OWN.glob("*.js"))
    for key in words["en"]:
        places = [sorted(re.findall(r"\{\w+\}", texts[key])) for texts in words.values()]
        assert places[0] == places[1] and (key in shared or f'"{key}"' in scripts), key
    doors = [exports_of((folder / "api.js").read_text(encoding="utf-8")) for folder in (SHARED, OWN)]
    assert doors[0] == doors[1] >= {"start", "scores", "qualityMap", "server", "AT_ONCE"}
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    for path in [*OWN.iterdir(), OWN.parent / "notice.txt"]:
        name = path.relative_to(ROOT / "rankiqa").as_posix()
        assert any(fnmatch(name, pattern) for pattern in patterns["rankiqa"])
    for path in OWN.iterdir():
        text = path.read_text(encoding="utf-8")
        assert not re.findall(r"https?://(?!localhost)", text), path
        assert not re.findall(r"innerHTML|insertAdjacentHTML|\beval\(|new Function", text), path


def exports_of(script: str) -> set[str]:
    """The names that a module gives to others."""
    lists = ",".join(re.findall(r"^export \{([^}]*)\}", script, re.MULTILINE)).split(",")
    single = re.findall(r"^export (?:async )?(?:function|const|class) (\w+)", script, re.MULTILINE)
    return {*single, *(name.strip() for name in lists)}
