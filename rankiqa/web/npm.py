"""Packages of the npm registry: the newest version of a range, checked by its integrity hash."""

import base64
import hashlib
import json
import os
import re
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from rankiqa.errors import DataError

PUBLIC = "https://registry.npmjs.org"
TIMEOUT = 60  # seconds without a byte
# The short form of a package's metadata: https://github.com/npm/registry, docs/responses/package-metadata.md
_SHORT = "application/vnd.npm.install-v1+json"
_STABLE = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_SETTING = re.compile(r"""^\s*registry\s*=\s*["']?([^\s"'#;]+)""", re.MULTILINE)

Value = TypeVar("Value")


def registry() -> str:
    """Where packages come from: npm_config_registry, else the registry of .npmrc, else npm's own."""
    environment = {name.lower(): value for name, value in os.environ.items() if value}
    settings = Path(environment.get("npm_config_userconfig") or Path("~/.npmrc").expanduser())
    found = environment.get("npm_config_registry")
    if found is None and settings.is_file():
        line = _SETTING.search(settings.read_text(encoding="utf-8", errors="replace"))
        found = line.group(1) if line else None
    return (found or PUBLIC).rstrip("/")


def version_in(text: str, low: tuple[int, int], below: int) -> tuple[int, ...] | None:
    """A stable version as numbers; None if older than `low` (major, minor) or not below major `below`."""
    parts = _STABLE.fullmatch(text)
    numbers = tuple(map(int, parts.groups())) if parts else ()
    return numbers if numbers and numbers >= low and numbers[0] < below else None


def download(name: str, low: tuple[int, int], below: int, advice: str) -> tuple[str, bytes]:
    """The newest stable version of a package within a range, and its tarball (.tgz).

    Args:
        name: of the package.
        low: the first (major, minor) of the range.
        below: the first major version that is out of it.
        advice: ends the messages: what to do where there is no network.

    Raises:
        DataError: the registry can't be reached or gives no such package, or one of another hash.
    """
    source = registry()
    address = f"{source}/{quote(name, safe='@')}"
    versions = _part(_answer(address, advice, _SHORT), "versions", dict, address, advice)
    fitting = {numbers: text for text in versions if (numbers := version_in(text, low, below))}
    if not fitting:
        raise DataError(
            f"{address}: no version from {low[0]}.{low[1]} up to but not {below}.0 there; {advice}"
        )
    version = fitting[max(fitting)]
    described = versions[version].get("dist") if isinstance(versions[version], dict) else None
    tarball = _tarball(described, source, address, advice)
    content = _answer(tarball, advice)
    _require_hash(content, _part(described, "integrity", str, address, advice), tarball, advice)
    return version, content


def _tarball(described: Any, source: str, address: str, advice: str) -> str:
    """Its address. Mirrors pass on metadata that name npm's own registry; npm asks the mirror then, too."""
    tarball = _part(described, "tarball", str, address, advice)
    if tarball.startswith(f"{PUBLIC}/"):
        tarball = source + tarball.removeprefix(PUBLIC)
    if urlsplit(tarball).scheme not in ("https", urlsplit(source).scheme):
        raise DataError(f"{tarball}: the registry {source} names a tarball that is not at https://; {advice}")
    return tarball


def _part(described: Any, key: str, kind: type[Value], address: str, advice: str) -> Value:
    """A value of metadata that came from elsewhere: bytes of JSON, or what was read from them."""
    try:
        values = json.loads(described) if isinstance(described, bytes) else described
    except ValueError:
        values = None
    found = values.get(key) if isinstance(values, dict) else None
    if not isinstance(found, kind):
        raise DataError(f"{address}: not the metadata of a package, its {key} is missing; {advice}")
    return found


def _require_hash(content: bytes, integrity: str, tarball: str, advice: str) -> None:
    """Subresource Integrity (W3C 2016), of which SHA-512 alone is taken, as npm writes it."""
    wanted = [part.removeprefix("sha512-") for part in integrity.split() if part.startswith("sha512-")]
    found = base64.b64encode(hashlib.sha512(content).digest()).decode()
    if found not in wanted:
        raise DataError(
            f"{tarball}: its SHA-512 is not the one that the registry names, so it was changed on its way; "
            f"try again; {advice}"
        )


def _answer(address: str, advice: str, accept: str = "*/*") -> bytes:
    if urlsplit(address).scheme not in ("http", "https"):
        raise DataError(f"npm registry {address}: no address of https://; {advice}")
    try:
        request = urllib.request.Request(address, headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            content: bytes = answer.read()
            return content
    except urllib.error.HTTPError as error:
        raise DataError(
            f"{address}: the npm registry answers {error.code} {error.reason}; {advice}"
        ) from error
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise DataError(f"{address}: can't be fetched ({reason}); {advice}") from error
