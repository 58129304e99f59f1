"""onnxruntime-web: the files of it that a page needs, from the npm registry or from disk."""

import io
import json
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rankiqa.errors import ConfigError, DataError
from rankiqa.web.npm import download, version_in

PACKAGE = "onnxruntime-web"
LOW, BELOW = (1, 22), 2  # the first version that is taken, and the first major one that is not
# In the folder that is written -> in the package. Some web servers don't know .mjs to be JavaScript.
FILES = {
    "ort/ort.js": "dist/ort.wasm.min.mjs",
    "ort/glue.js": "dist/ort-wasm-simd-threaded.mjs",
    "ort/ort.wasm": "dist/ort-wasm-simd-threaded.wasm",
}
ADVICE = f"without a network: npm pack {PACKAGE} elsewhere, and --ort_web FILE.tgz here"


@dataclass(frozen=True)
class WebRuntime:
    """ONNX Runtime for browsers.

    Attributes:
        version: of the package.
        origin: where it came from, in words.
        files: name in the folder that is written -> content.
    """

    version: str
    origin: str
    files: dict[str, bytes]


def fetch() -> WebRuntime:
    """The newest version that is taken, from the npm registry.

    Raises:
        DataError: see `rankiqa.web.npm.download`; or the package lacks one of FILES.
    """
    version, archive = download(PACKAGE, LOW, BELOW, ADVICE)
    origin = f"{PACKAGE} {version} of the npm registry"
    return WebRuntime(version, origin, _files(_members(archive, origin), origin))


def read(path: Path) -> WebRuntime:
    """The package in a .tgz file of `npm pack`, or in a folder such as node_modules/onnxruntime-web.

    Raises:
        ConfigError: there is none, or of a version that is not taken.
        DataError: it is damaged, or lacks one of FILES.
    """
    where = f"--ort_web {path}"
    if path.is_dir():
        content = _folder(path)
    elif path.is_file():
        content = _members(path.read_bytes(), where)
    else:
        raise ConfigError(f"{where}: no such file; npm pack {PACKAGE} makes one")
    try:
        about = json.loads(content("package.json") or b"")
        name, version = str(about["name"]), str(about["version"])
    except (ValueError, TypeError, LookupError) as error:
        raise ConfigError(
            f"{where}: no npm package, package.json is missing; npm pack {PACKAGE} makes one"
        ) from error
    if name != PACKAGE or version_in(version, LOW, BELOW) is None:
        raise ConfigError(
            f"{where}: {name} {version}; {PACKAGE} from {LOW[0]}.{LOW[1]} up to but not {BELOW}.0 is needed"
        )
    return WebRuntime(version, f"{path}, version {version}", _files(content, where))


def _files(content: Callable[[str], bytes | None], where: str) -> dict[str, bytes]:
    found = {name: content(source) for name, source in FILES.items()}
    missing = [FILES[name] for name, data in found.items() if not data]
    if missing:
        raise DataError(f"{where}: lacks {', '.join(missing)}; --ort_web takes {PACKAGE} of another version")
    return {name: data for name, data in found.items() if data}


def _folder(path: Path) -> Callable[[str], bytes | None]:
    def content(name: str) -> bytes | None:
        file = path / name
        return file.read_bytes() if file.is_file() else None

    return content


def _members(archive: bytes, where: str) -> Callable[[str], bytes | None]:
    """Files of a tarball by their names below its one folder; nothing is unpacked to disk."""
    wanted = {"package.json", *FILES.values()}
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            for member in tar:
                name = member.name.partition("/")[2]
                if member.isfile() and name in wanted and (file := tar.extractfile(member)):
                    found[name] = file.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise DataError(f"{where}: not a whole .tgz file ({error})") from error
    return found.get
