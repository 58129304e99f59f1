"""`rankiqa export_web` as a command."""

import argparse
from pathlib import Path

from rankiqa import DEFAULT_MODEL


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of what goes into the folder."""
    add = parser.add_argument
    add("model", type=Path, nargs="?", default=DEFAULT_MODEL, metavar="MODEL", help="model file: .onnx")
    add("--out", type=Path, required=True, metavar="DIR",
        help="folder of static files, for any web server")  # fmt: skip
    add("--ort_web", type=Path, metavar="FILE",
        help="npm package onnxruntime-web on disk, .tgz or folder; for use without a network")  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Run the command; see `rankiqa.web.export.export_web`."""
    from rankiqa.web.export import export_web

    print("\n".join(export_web(arguments.model, arguments.out, arguments.ort_web)))
    return 0
