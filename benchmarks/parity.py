"""Do all engines say the same? Largest differences between engines, architectures and views.

    python benchmarks/parity.py --photos DIR [--resume MODEL] [--archs resnet18 ...] [--int8 resnet18 ...]

One architecture of each family, with random weights whose batch statistics come from the photos and whose
scores of them have a deviation of 1, so that a difference of 1e-4 is one ten-thousandth of what separates
images. The column "rounding" is how far PyTorch in float32 lies from itself in float64: an engine can't do
better. Where it is more than 1e-4 (random weights and many batch normalisations are chaotic: each layer
magnifies what the one before it rounded) the statistics stay as they were, 0 and 1, marked by *.
Every file is opened from itself by `load_scorer`, and scores photos and noise, one and seven at a
time. INT8 is calibrated on photos and judged on others; its speed is that of the float file in the same run.
"""

import argparse
import itertools
import sys
import tempfile
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from deploy.engines import load_scorer
from deploy.export import export
from deploy.formats.half import open_file as open_checkpoint
from deploy.int8 import export_int8
from deploy.module import ExportModule
from models import create_model
from models.factory import normalisation
from models.head import head_of
from models.normalise import Normalise, to_unit
from rankiqa.batch.folders import find_images
from rankiqa.image import read_rgb
from rankiqa.scorer import Scorer
from rankiqa.spec import ModelSpec
from rankiqa.views import View
from utils.checkpoint import save_checkpoint

FAMILIES = (
    *("efficientnet_b0", "efficientnet_lite0", "efficientnet_v2_s", "mobilenet_v3_large", "resnet18"),
    *("resnest50", "densenet121", "vgg11_bn", "convnext_tiny", "regnet_y_400mf", "shufflenet_v2_x1_0"),
    *("mnasnet1_0", "swin_t", "vit_b_16"),
)
SUFFIXES = {"torchscript": ".pt", "pt2": ".pt2", "onnx": ".onnx", "openvino": ".xml"}
VIEWS = {"fit": View("fit", (224, 224)), "patches": View("patches", (224, 224), 2)}
JUDGED = 8
CHAOS = 1e-4


def main() -> None:
    args = _options()
    photos = [read_rgb(path) for path in itertools.islice(find_images(args.photos), args.images)]
    columns = ("network", "view", "rounding", *SUFFIXES)
    print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")
    if args.resume:
        module, spec = open_checkpoint(args.resume)
        view = spec.make_view()
        cells = differences(module.network, spec, [view.evaluate(photo) for photo in photos[:JUDGED]])
        print(
            f"| {args.resume.name} | {spec.view} | {' | '.join(f'{cell:.1e}' for cell in cells)} |",
            flush=True,
        )
    for arch in args.archs:
        for name, view in VIEWS.items():
            crops = np.stack([view.evaluate(photo) for photo in photos[:JUDGED]])
            cells, mark = differences(*network_of(arch, view, crops), list(crops)), ""
            if cells[0] > CHAOS:
                cells, mark = differences(*network_of(arch, view, crops, statistics=False), list(crops)), "*"
            print(f"| {arch}{mark} | {name} | {' | '.join(f'{cell:.1e}' for cell in cells)} |", flush=True)
    header = (
        "network",
        "SRCC with float",
        "largest difference",
        "images",
        "times the speed",
        "of the size",
    )
    print(f"\n| {' | '.join(header)} |\n|{' --- |' * len(header)}")
    for arch in args.int8:
        print(quantised(arch, VIEWS["fit"], photos), flush=True)


def network_of(
    arch: str, view: View, crops: np.ndarray, statistics: bool = True
) -> tuple[nn.Module, ModelSpec]:
    """Random weights that tell images apart: the scores of `crops` have mean 0 and deviation 1.

    Args:
        statistics: of batch normalisation come from the crops.
    """
    torch.manual_seed(0)
    spec = ModelSpec(arch, 1, view.size, view.name, view.patches, *normalisation(arch), criterion="regress")
    network = create_model(arch, 1, view.size).eval()
    for module in network.modules():
        if statistics and isinstance(module, nn.modules.batchnorm._BatchNorm):  # noqa: SLF001
            module.train().momentum = None  # the mean of all batches
    inputs = Normalise(spec.mean, spec.std)(to_unit(torch.from_numpy(crops[:, 0])))
    with torch.no_grad():
        network(inputs)
        last = head_of(network)[1]
        features: list[Tensor] = []
        with last.register_forward_pre_hook(lambda _, given: features.append(given[0])):
            network.eval()(inputs)
        # Along the direction in which the photos differ most: a random one would magnify rounding.
        middle = features[0].mean(0)
        direction = torch.linalg.svd(features[0] - middle, full_matrices=False)[2][0]
        direction /= ((features[0] - middle) @ direction).std()
        last.weight.copy_(direction[None])
        last.bias.copy_(-(middle @ direction)[None])
    return network, spec


def differences(network: nn.Module, spec: ModelSpec, crops: Sequence[np.ndarray] | np.ndarray) -> list[float]:
    """From the checkpoint in PyTorch: of PyTorch in float64, then of each kind of file, the largest one."""
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, own.shape, np.uint8) for own in crops]
    batches = [list(crops[:1]), list(crops[1:]), noise[:1], noise[1:]]
    worst = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.pth"
        save_checkpoint(path, {"spec": spec.to_dict(), "state_dict": network.state_dict()})
        expected = scores_of(load_scorer(path), batches)
        worst.append(float(np.abs(in_float64(network, spec, sum(batches, [])) - expected).max()))
        for name, suffix in SUFFIXES.items():
            export(network, spec, name, path.with_suffix(suffix), tolerance=float("inf"))
            got = scores_of(load_scorer(path.with_suffix(suffix)), batches)
            worst.append(float(np.abs(got - expected).max()))
    return worst


def in_float64(network: nn.Module, spec: ModelSpec, crops: list[np.ndarray]) -> np.ndarray:
    """(M,) scores of images, each (P, 3, H, W), by a network of one output."""
    module = deepcopy(ExportModule(network, spec)).double().eval()
    with torch.inference_mode():
        return np.array([float(module(torch.from_numpy(own).double() / 255)[1].mean()) for own in crops])


def scores_of(scorer: Scorer, batches: list[list[np.ndarray]]) -> np.ndarray:
    """(B,) scores of all batches of crops, one after the other."""
    return np.concatenate([scorer.score_crops(batch).scores for batch in batches])


def quantised(arch: str, view: View, photos: list[Image.Image]) -> str:
    """Table row of an INT8 export: SRCC and difference against float, images judged, speed, size."""
    crops = [view.evaluate(photo) for photo in photos]
    network, spec = network_of(arch, view, np.stack(crops[:JUDGED]))
    with tempfile.TemporaryDirectory() as folder:
        report = export_int8(network, spec, "openvino-int8", Path(folder) / "a.xml", crops, -1.0)
    cells = (report.srcc, report.difference, report.judged, report.speed / report.float_speed)
    said = f"{cells[0]:.4f} | {cells[1]:.3f} | {cells[2]} | {cells[3]:.2f}"
    return f"| {arch} | {said} | {report.size / report.float_size:.2f} |"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--resume", type=Path, help="a trained model to compare too, in its own view")
    parser.add_argument("--images", type=int, default=160, help="for INT8 (default: 160)")
    parser.add_argument("--archs", nargs="*", default=FAMILIES, help="default: one of each family")
    parser.add_argument("--int8", nargs="*", default=FAMILIES[:5], help="default: the first five")
    return parser.parse_args()


if __name__ == "__main__":
    main()
