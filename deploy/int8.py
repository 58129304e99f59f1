"""INT8 by post-training quantisation with nncf: calibrated and judged on images of the user's."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import nn

from deploy.engines.loading import load_engine
from deploy.engines.torch_modules import TorchEngine
from deploy.export import Staged, export_module
from deploy.formats import onnx as onnx_format
from deploy.formats import parts_of
from deploy.formats.onnx import save_onnx
from deploy.formats.openvino import convert, save_openvino
from deploy.module import example_size
from rankiqa.optional import require
from rankiqa.scorer import Engine, Scorer
from rankiqa.spec import ModelSpec
from utils.errors import ExportError, RankIQAError

FEWEST = 10  # images: a rank correlation of fewer says nothing
HELD_OUT = 4  # every fourth image judges and does not calibrate, where there are enough
ENOUGH = 40
TIMED = 32  # crops of the speed comparison


@dataclass(frozen=True)
class Int8Report:
    """How an INT8 file compares with the float one, on images.

    Attributes:
        srcc: rank correlation of the two scores.
        difference: the largest, in units of the score.
        judged: images that the two metrics are from; `held_out` says whether calibration saw them.
        size, float_size: of the files, in bytes.
        speed, float_speed: crops per second, in the engine of the format, on all cores.
    """

    srcc: float
    difference: float
    judged: int
    held_out: bool
    size: int
    float_size: int
    speed: float
    float_speed: float


def export_int8(
    network: nn.Module,
    spec: ModelSpec,
    name: str,
    path: Path,
    images: Sequence[np.ndarray],
    min_srcc: float,
) -> Int8Report:
    """Quantise `network` and write it to `path`, if its scores rank images as the float model's do.

    Args:
        network, spec: as in `deploy.export.export`.
        name: "openvino-int8" or "onnx-int8".
        path: of the file, replaced whole.
        images: each uint8 (P, 3, H, W), the crops of one image; indexed several times, so may be lazy.
        min_srcc: in [-1, 1], the lowest rank correlation with the float model that is accepted.

    Raises:
        ConfigError: nncf, or the format's own package, is not installed.
        ExportError: too few images, nncf can't quantise the network, or a correlation below `min_srcc`;
            nothing is written then.
    """
    require("nncf", f"--export {name}")
    if len(images) < FEWEST:
        raise ExportError(f"--calibration: {len(images)} images, but INT8 needs {FEWEST}; give a few hundred")
    held_out = len(images) >= ENOUGH
    every = range(len(images))
    judges = [n for n in every if n % HELD_OUT == 0] if held_out else list(every)
    calibrating = [n for n in every if not held_out or n % HELD_OUT]
    module = export_module(network, spec)
    with Staged(path) as staged:
        plain = staged.path.with_name(f"float{path.suffix}")
        _write_both(module, spec, name, plain, staged.path, _Crops(images, calibrating))
        float_scores = _scores(TorchEngine(module), spec, images, judges)
        engines = [load_engine(file, "cpu", None, "native")[0] for file in (staged.path, plain)]
        scores = _scores(engines[0], spec, images, judges)
        report = Int8Report(
            srcc=float(spearmanr(scores, float_scores).statistic),
            difference=float(np.abs(scores - float_scores).max()),
            judged=len(judges),
            held_out=held_out,
            size=_size(staged.path),
            float_size=_size(plain),
            speed=_speed(engines[0], spec),
            float_speed=_speed(engines[1], spec),
        )
        if not report.srcc >= min_srcc:
            raise ExportError(
                f"{path}: INT8 ranks {report.judged} images with SRCC {report.srcc:.4f} to the model, "
                f"--min_srcc is {min_srcc:g}; not written (more --calibration images may help)"
            )
        for part in parts_of(plain):
            part.unlink(missing_ok=True)
        staged.keep()
    return report


def _write_both(
    module: nn.Module, spec: ModelSpec, name: str, plain: Path, quantised: Path, crops: "_Crops"
) -> None:
    import nncf

    # The preset for networks whose activations are not ReLU: their negative part needs a zero point.
    settings: dict[str, Any] = {
        "preset": nncf.QuantizationPreset.MIXED,
        "subset_size": len(crops),
        "fast_bias_correction": True,
    }
    if name == "onnx-int8":
        import onnx

        onnx_format.write(module, spec, plain)
        dataset = nncf.Dataset(crops, lambda images: {"images": images})
        save_onnx(_quantised(onnx.load(str(plain)), dataset, settings, spec), spec, quantised)
    else:
        model = convert(module, spec)
        save_openvino(model, spec, plain)
        save_openvino(_quantised(model, nncf.Dataset(crops), settings, spec), spec, quantised)


def _quantised(model: Any, dataset: Any, settings: dict[str, Any], spec: ModelSpec) -> Any:
    import nncf

    try:
        return nncf.quantize(model, dataset, **settings)
    except RankIQAError:  # an image of the calibration that can't be read
        raise
    except Exception as error:  # nncf lets through what its many backends raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ExportError(f"{spec.arch} can't be quantised by nncf ({reason[:200]})") from error


class _Crops:
    """The crops of some images, one per batch, as the float pixels that the network takes."""

    def __init__(self, images: Sequence[np.ndarray], chosen: list[int]) -> None:
        self._images, self._chosen = images, chosen

    def __len__(self) -> int:
        return len(self._chosen)

    def __iter__(self) -> Iterator[np.ndarray]:
        for turn, number in enumerate(self._chosen):
            crops = self._images[number]
            yield crops[turn % len(crops)][None].astype(np.float32) / np.float32(255)


def _scores(engine: Engine, spec: ModelSpec, images: Sequence[np.ndarray], chosen: list[int]) -> np.ndarray:
    scorer = Scorer(engine, spec)
    return np.array([float(scorer.score_crops(images[number][None]).scores[0]) for number in chosen])


def _size(path: Path) -> int:
    return sum(part.stat().st_size for part in parts_of(path) if part.is_file())


def _speed(engine: Engine, spec: ModelSpec) -> float:
    """Crops a second: the best of three rounds, batches of 4."""
    crops = torch.randint(0, 256, (4, 3, *example_size(spec)), dtype=torch.uint8).numpy()
    engine(crops)
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        for _ in range(TIMED // len(crops)):
            engine(crops)
        best = min(best, time.perf_counter() - began)
    return TIMED / best
