"""The formats of `--export`: one row and one file each.

A file `deploy/formats/NAME.py` holds `write(module, spec, path)`, which takes a `deploy.module.ExportModule`;
that of a format of PyTorch also `open_file(path, device) -> (module, spec)`. This table loads none of them:
the command line reads it.
"""

import importlib
from argparse import ArgumentTypeError
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Format:
    """A kind of model file.

    Attributes:
        file: its name, with {arch}; the suffix says which engine runs it (`deploy.engines.loading.RUNS`).
        home: the module of `deploy.formats` that writes it; its packages are named when they are missing.
        parts: suffixes of the files that belong to it.
        tolerance: largest difference from the model, in units of the score and of the logits.
        is_quantised: made of images of the user's by `deploy.int8`.
    """

    file: str
    home: str
    parts: tuple[str, ...] = ()
    tolerance: float = 1e-4
    is_quantised: bool = False

    def load(self) -> Any:
        """The module `home`."""
        return importlib.import_module(f"deploy.formats.{self.home}")


HALF = 0.02  # 11 bits of each weight are left
FORMATS = {
    "torchscript": Format("jit_{arch}.pt", "torchscript"),
    "half": Format("{arch}_half.pth", "half", tolerance=HALF),
    "pt2": Format("{arch}.pt2", "pt2"),
    "onnx": Format("{arch}.onnx", "onnx"),
    "onnx-half": Format("{arch}_half.onnx", "onnx_half", tolerance=HALF),
    "openvino": Format("{arch}.xml", "openvino", (".bin",)),
    "onnx-int8": Format("{arch}_int8.onnx", "onnx", is_quantised=True),
    "openvino-int8": Format("{arch}_int8.xml", "openvino", (".bin",), is_quantised=True),
}
# suffix -> the home that opens such a file for PyTorch
OPENED_BY_TORCH = {".pth": "half", ".pt": "torchscript", ".pt2": "pt2"}


def format_name(text: str) -> str:
    """A key of FORMATS, in any spelling; a type for argparse."""
    name = text.strip().lower().replace("_", "-")
    if name not in FORMATS:
        raise ArgumentTypeError(f"{text!r} is none of {', '.join(FORMATS)}")
    return name


def parts_of(path: Path) -> list[Path]:
    """The files that make up the model file `path`."""
    forms = [form for form in FORMATS.values() if Path(form.file).suffix == path.suffix]
    suffixes = sorted({part for form in forms for part in form.parts})
    return [path, *(path.with_suffix(suffix) for suffix in suffixes)]
