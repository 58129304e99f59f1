"""Scores of images without a reference, by a model file alone.

    import rankiqa

    scorer = rankiqa.load()
    scorer.score(["holiday.jpg", "portrait.heic"]).scores

Importing it loads nothing else; NumPy, Pillow and ONNX Runtime come with the first model, and PyTorch never.
"""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rankiqa.errors import ImageError, RankIQAError
    from rankiqa.scorer import Scorer, Scores
    from rankiqa.spec import ModelSpec

__version__ = "2.0.0"
__all__ = ["ImageError", "ModelSpec", "RankIQAError", "Scorer", "Scores", "__version__", "load"]

# Where the other names lie: `main.py --help` imports parts of this package and must answer at once.
_HOMES = {
    **dict.fromkeys(("ImageError", "RankIQAError"), "rankiqa.errors"),
    **dict.fromkeys(("Scorer", "Scores"), "rankiqa.scorer"),
    "ModelSpec": "rankiqa.spec",
}
DEFAULT_MODEL = Path(__file__).resolve().parent / "default.onnx"


def load(
    model: str | Path | None = None,
    *,
    engine: str = "auto",
    device: str = "cpu",
    threads: int | None = None,
    scale: str | None = None,
) -> "Scorer":
    """A scorer from a model file alone.

    Args:
        model: .onnx, or .xml of OpenVINO; None: the default model, for photographs.
        engine: "auto", "onnx" or "openvino".
        device: "cpu", or "cuda" with the package onnxruntime-gpu.
        threads: cores that compute; None: all that this process may use.
        scale: the data set on whose scale scores are given, of a model that was trained on several.

    Raises:
        ConfigError: an engine that is not installed, or can't run such a file; a scale that it does not have.
        WeightsError: the file is not there, damaged, or carries no ModelSpec.
    """
    from rankiqa.engines import open_model

    opened, spec = open_model(Path(model or DEFAULT_MODEL), engine, device, threads)
    from rankiqa.scorer import Scorer  # last: `rankiqa score` imports it beside, while a file is opened

    return Scorer(opened, spec if scale is None else spec.on_scale(scale))


def __getattr__(name: str) -> Any:
    """The names of __all__ that are loaded when they are asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'rankiqa' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
