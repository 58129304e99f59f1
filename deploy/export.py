"""Writing a network in other formats: each file is compared before it is kept."""

import copy
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from deploy.engines.loading import load_engine
from deploy.engines.torch_modules import TorchEngine
from deploy.formats import FORMATS
from deploy.module import ExportModule, example_size, has_one_size, other_sizes
from models.same_padding import expect_even_sides
from rankiqa.scorer import by_size
from rankiqa.spec import ModelSpec
from utils.errors import ExportError, WeightsError

Outputs = tuple[np.ndarray, ...]
COMPARED = 4  # real crops per forward


def export(
    network: nn.Module,
    spec: ModelSpec,
    name: str,
    path: Path,
    crops: Sequence[np.ndarray] = (),
    tolerance: float | None = None,
) -> float:
    """Write `network` as the float format `name` to `path`, open the file again and compare.

    Args:
        network: in any mode; a copy in evaluation mode, on the CPU, is converted.
        spec: goes into the file.
        name: a key of `deploy.formats.FORMATS` that is not quantised.
        path: of the file, replaced whole.
        crops: uint8 (P, 3, H, W) of each of some real images to compare on, beside noise: `check_batches`.
        tolerance: largest difference allowed, in units of the score and of the logits; None: the format's.

    Returns:
        The largest difference that was seen.

    Raises:
        ConfigError: a package that the format needs is not installed.
        ExportError: the network can't be converted, or the file differs by more than `tolerance`.
    """
    form = FORMATS[name]
    allowed = form.tolerance if tolerance is None else tolerance
    module = export_module(network, spec)
    batches = check_batches(spec, crops)
    with Staged(path) as staged:
        form.load().write(module, spec, staged.path)
        worst = largest_difference(opened(staged.path, spec), TorchEngine(module).outputs, batches)
        if not worst <= allowed:
            raise ExportError(
                f"{path}: differs from the model by {worst:.2e}, allowed {allowed:.0e}; not written"
            )
        staged.keep()
    return worst


def export_module(network: nn.Module, spec: ModelSpec) -> ExportModule:
    """A copy of `network` on the CPU, in evaluation mode, as an `ExportModule`."""
    module = ExportModule(copy.deepcopy(network).cpu().eval(), spec).eval()
    if not has_one_size(spec):
        expect_even_sides(module)  # multiples of 32, which five layers halve
    return module


def opened(path: Path, spec: ModelSpec) -> Callable[[np.ndarray], Outputs]:
    """What the engine of the file `path` makes of crops, after a check of the spec in it.

    Raises:
        ConfigError: the engine is not installed.
        ExportError: the file can't be opened, or the spec in it is not `spec`.
    """
    engine: Any
    try:
        engine, stored = load_engine(path, "cpu", 1, "native")
    except WeightsError as error:
        raise ExportError(f"{spec.arch} makes a file that can't be opened: {error}") from error
    if stored != spec:
        raise ExportError(f"{path.name}: its ModelSpec did not survive the conversion")
    return engine.outputs


def check_batches(spec: ModelSpec, crops: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What a file is compared on: noise in batches of 1 and 7, and real crops, all uint8 (M, 3, H, W).

    Noise has the size of the network's input, or where any will do, sizes of several aspect ratios, from the
    smallest to the largest area.
    """
    rng = np.random.default_rng(0)
    shapes = [(count, 3, *example_size(spec)) for count in (1, 7)]
    if not has_one_size(spec):
        shapes += [(1, 3, *size) for size in other_sizes(spec)]
    batches = [rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes]
    for group in by_size(crops):
        starts = range(0, len(group.crops), COMPARED)
        batches += [group.crops[start : start + COMPARED] for start in starts]
    return batches


def largest_difference(
    run: Callable[[np.ndarray], Outputs],
    reference: Callable[[np.ndarray], Outputs],
    batches: list[np.ndarray],
) -> float:
    """The largest difference of any output; inf where something is not finite or misshapen."""
    worst = 0.0
    for batch in batches:
        for got, wanted in zip(run(batch), reference(batch), strict=True):
            if got.shape != wanted.shape:
                return float("inf")
            difference = float(np.abs(got.astype(float) - wanted).max())
            worst = max(worst, difference) if difference == difference else float("inf")
    return worst


class Staged:
    """A folder beside `path` where a file of one or two parts is made; kept whole, or not at all."""

    def __init__(self, path: Path) -> None:
        self._target = path

    def __enter__(self) -> "Staged":
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._folder = tempfile.TemporaryDirectory(dir=self._target.parent, prefix=".export_")
        self.path = Path(self._folder.name) / self._target.name
        return self

    def keep(self) -> None:
        """Move what was made to its place; the .bin of OpenVINO before the .xml that needs it."""
        for made in sorted(self.path.parent.iterdir(), key=lambda path: path.suffix == self._target.suffix):
            made.replace(self._target.with_name(made.name))

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()
