"""The output of --cluster: a folder of Parquet files, and a note of what scored them."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from rankiqa.batch.results import Row, read_rows
from rankiqa.errors import ConfigError
from rankiqa.files import write_text

MODEL_NOTE = "_model.json"  # readers of folders of Parquet pass over names with _


def require_same_model(folder: Path, name: str, files: dict[str, bytes], full_decode: bool) -> None:
    """Note in an empty folder which model scores into it; of another, see that it is this one.

    The engine is not noted: engines agree to 1e-4.

    Args:
        folder: of the parts.
        name: of the model file.
        files: what it holds, by suffix.
        full_decode: see `score_paths`; it changes scores a little.

    Raises:
        ConfigError: the folder holds scores of another model.
    """
    content = b"".join(files[suffix] for suffix in sorted(files))
    mine = {"model": name, "sha256": hashlib.sha256(content).hexdigest(), "full_decode": full_decode}
    note = folder / MODEL_NOTE
    there: dict[str, Any] = {}
    if note.is_file():
        with suppress(ValueError):
            there = json.loads(note.read_text(encoding="utf-8"))
    elif next(parts_in(folder), None) is None:
        write_text(note, json.dumps(mine, indent=1) + "\n")
        return
    if any(there.get(key) != mine[key] for key in ("sha256", "full_decode")):
        raise ConfigError(
            f"--output {folder}: holds scores of {_in_words(there)}, not of {_in_words(mine)}; "
            "name another folder"
        )


def _in_words(note: dict[str, Any]) -> str:
    if "sha256" not in note:
        return f"an unknown model (no {MODEL_NOTE} in it)"
    decoded = " with --full_decode" if note.get("full_decode") else ""
    return f"{note.get('model')} (sha256 {note['sha256'][:8]}){decoded}"


def parts_in(folder: Path) -> Iterator[Path]:
    """The files of finished parts, of which there may be very many."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("part-") and entry.name.endswith(".parquet"):
                yield Path(entry.path)


def outcomes(part: Path) -> Iterator[Row]:
    """The rows of a part, without their scores."""
    return read_rows(part, ("path", "error"))
