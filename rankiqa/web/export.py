"""A folder of static files that scores images in the visitor's browser."""

import hashlib
import json
import re
from importlib.resources import files
from pathlib import Path

from rankiqa.engines import RUNS
from rankiqa.engines.onnx import open_onnx
from rankiqa.errors import ConfigError, WeightsError
from rankiqa.files import atomic_write, require_writable, writing
from rankiqa.intervals import COVERAGE
from rankiqa.optional import require
from rankiqa.spec import ModelSpec
from rankiqa.web.runtime import WebRuntime, fetch, read

MODEL, ABOUT, INDEX = "model/model.onnx", "model/model.json", "index.html"
LOADED = (MODEL, "ort/ort.wasm")  # what the page loads as bytes, and says how far it is
# Nothing but files of the page's own server, and images that the visitor's own browser holds.
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' blob: data:; base-uri 'none'; form-action 'none'"
)
HEAD = (
    f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
    '  <meta name="referrer" content="no-referrer">\n'
    '  <script src="page/file.js"></script>'
)
_SERVER = re.compile(r" *<!-- server -->.*?<!-- /server -->\n?", re.DOTALL)


def export_web(model: Path, out: Path, ort_web: Path | None = None) -> list[str]:
    """Write the folder, and say in lines what it holds. Nothing is written before all of it is there.

    Args:
        model: .onnx file.
        out: the folder; a new one, or that of an earlier export. Other files in it stay.
        ort_web: package onnxruntime-web on disk; None: it comes from the npm registry.

    Raises:
        ConfigError: a flag that can't be used.
        WeightsError: no model that a browser can load.
        DataError: no package, or no room.
    """
    require_writable(out, "--out")
    if (out / INDEX).exists() and not (out / ABOUT).exists():
        raise ConfigError(f"--out {out}: holds an {INDEX} of something else; name a new folder")
    spec, weights = _model(model)
    runtime = read(ort_web) if ort_web else fetch()
    content = {
        **page_files(),
        **runtime.files,
        MODEL: weights,
        "NOTICE.txt": _notice(spec, runtime).encode(),
    }
    content[ABOUT] = _about(spec, content)
    for name in sorted(content, key=lambda name: name == INDEX):  # a page that is there can be used
        with writing(out / name), atomic_write(out / name) as file:
            file.write(content[name])
    size = sum(map(len, content.values())) / 1e6
    return [
        f"{out}: {len(content)} files, {size:.1f} MB, with {runtime.origin}",
        f"python -m http.server --directory {out}  shows it at http://localhost:8000",
    ]


def page_files() -> dict[str, bytes]:
    """The page: the server's, with the parts of `rankiqa/web/page` in place of those that ask a server."""
    shared, own = (_folder(room) for room in ("rankiqa.serve", "rankiqa.web"))
    for name in own:
        if name.endswith(".json"):  # words
            merged = {**json.loads(shared[name]), **json.loads(own[name])}
            own[name] = json.dumps(merged, ensure_ascii=False, indent=1).encode()
    index = _SERVER.sub("", shared.pop(INDEX).decode()).replace("<!-- head -->", HEAD)
    return {INDEX: index.encode(), **{f"page/{name}": data for name, data in {**shared, **own}.items()}}


def _folder(room: str) -> dict[str, bytes]:
    items = files(room).joinpath("page").iterdir()
    return {item.name: item.read_bytes() for item in items if item.is_file() and item.name[0] != "."}


def _model(path: Path) -> tuple[ModelSpec, bytes]:
    """The spec and the bytes of a model that is one file.

    Raises:
        ConfigError: it is none of ONNX.
        WeightsError: not there, damaged, without a ModelSpec, or in several files.
    """
    if path.suffix != ".onnx" and (path.suffix in RUNS or path.is_file()):
        raise ConfigError(f"MODEL {path}: browsers run .onnx files; main.py --export onnx writes one")
    if not path.is_file():
        raise WeightsError(f"{path}: {'a folder, not a model file' if path.is_dir() else 'no such file'}")
    spec = open_onnx(path)[1]
    content = path.read_bytes()
    try:
        require("onnxruntime", f"{path}").InferenceSession(content, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes that it does not name publicly
        raise WeightsError(
            f"{path}: keeps its weights in another file; a page takes a model of one file, "
            "as main.py --export onnx writes it"
        ) from error
    return spec, content


def _about(spec: ModelSpec, content: dict[str, bytes]) -> bytes:
    """What the page knows before it loads the model. Versions keep copies of another export out of caches."""
    loaded = {
        name: {"bytes": len(content[name]), "version": hashlib.sha256(content[name]).hexdigest()[:16]}
        for name in LOADED
    }
    coverage = min(COVERAGE, spec.interval.coverages[-1]) if spec.interval else None
    described = {**spec.to_dict(), "coverage": coverage}
    return json.dumps({"spec": described, "files": loaded}, ensure_ascii=False).encode()


def _notice(spec: ModelSpec, runtime: WebRuntime) -> str:
    return (
        files("rankiqa.web")
        .joinpath("notice.txt")
        .read_text(encoding="utf-8")
        .format(
            license=spec.license or "not stated",
            provenance=spec.provenance or "not stated",
            version=runtime.version,
        )
    )
