"""One model from several of one architecture: the mean of their weights.

    python utils/average_models.py first.pth second.pth --renew_norm data --out averaged.pth

Models that were trained from the same initial weights, on different data or by different recipes, often lie
in one valley of the loss; their mean then generalises better than each, at the cost of one (Wortsman et al.,
*Model soups*, ICML 2022, section 3: the uniform soup; `--weights` gives another mean, as between a model and
what it was fine-tuned from: Wortsman et al., *Robust fine-tuning of zero-shot models*, CVPR 2022). The
statistics of batch normalisation fit no mean of weights: `--renew_norm` takes them anew from images of
DATA/train. Scores lie elsewhere afterwards: `main.py --calibrate` takes the percentiles anew.
"""

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __package__ in (None, ""):
    # run as a file, Python puts this folder first, where the project's packages are not
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np

from rankiqa.machine import usable_cores
from rankiqa.spec import HINGE
from rankiqa.terminal.argument_types import positive_float, positive_int
from rankiqa.terminal.entry import program, program_parser
from rankiqa.terminal.progress import progress_bar
from utils.errors import ConfigError, WeightsError

if TYPE_CHECKING:
    from torch import Tensor

    from rankiqa.spec import ModelSpec

ALIKE = ("arch", "num_classes", "mean", "std", "criterion", "rank_loss", "reasons")
BEFORE: dict[str, Any] = {"rank_loss": HINGE, "reasons": []}  # of files without such a field
VIEW = ("image_size", "view")
BATCH = 32  # crops whose statistics are taken at once


@program()
def main(argv: list[str] | None = None) -> None:
    """Write the mean."""
    parser = program_parser(__doc__)
    add = parser.add_argument
    add(
        "models",
        type=Path,
        nargs="+",
        metavar="MODEL.pth",
        help="two or more checkpoints",
    )
    add("--out", type=Path, required=True, metavar="FILE.pth", help="file for the averaged model, in float32")
    add("--view_of_first", action="store_true",
        help="take models of other views too; the mean has the view of the first")  # fmt: skip
    add("--weights", type=positive_float, nargs="+", metavar="W",
        help="weight of each model, scaled to a sum of 1 (default: all the same)")  # fmt: skip
    add("--renew_norm", type=Path, metavar="DATA",
        help="take the statistics of batch normalisation anew from images of DATA/train")  # fmt: skip
    add("--images", type=positive_int, default=640, metavar="N",
        help="with --renew_norm: number of images (default: %(default)s)")  # fmt: skip
    args = parser.parse_args(argv)
    from utils.checkpoint import save_checkpoint

    content = mean_of(args.models, args.view_of_first, args.weights)
    if args.renew_norm:
        content = renewed(content, args.renew_norm, args.images)
    save_checkpoint(args.out, content)
    print(f"{args.out}: the mean of {len(args.models)} models; take its percentiles by main.py --calibrate")


def mean_of(
    paths: Sequence[Path], view_of_first: bool = False, shares: Sequence[float] | None = None
) -> dict[str, Any]:
    """The content of a checkpoint: the mean of the weights and of the statistics of batch normalisation.

    The spec is that of the first, without its percentiles; with `view_of_first` others may have other views.
    `shares` weights the models, None: all the same.

    Raises:
        ConfigError: fewer than two files, another number of shares, or two files that differ in architecture,
            task, view or preprocessing.
        WeightsError: one that can't be read, or says nothing about itself.
    """
    from utils.checkpoint import load_checkpoint

    if len(paths) < 2:
        raise ConfigError(f"{paths[0]}: a mean needs two models or more")
    if shares is not None and len(shares) != len(paths):
        raise ConfigError(f"--weights has {len(shares)} numbers for {len(paths)} models; give one for each")
    files = [load_checkpoint(path) for path in paths]
    for path, file in zip(paths, files, strict=True):
        if "arch" not in file.get("spec", {}):
            raise WeightsError(f"{path}: holds no ModelSpec with an 'arch'")
        _check_alike(paths[0], files[0], path, file, ALIKE if view_of_first else ALIKE + VIEW)
    state = mean_state([file["state_dict"] for file in files], shares)
    spec = {**files[0]["spec"], "score_range": None, "score_percentiles": None, "interval": None}
    spec["scales"] = mean_scales([file["spec"].get("scales", {}) for file in files], shares)
    return {"state_dict": state, "spec": spec}


def mean_scales(
    scales: Sequence[dict[str, dict[str, float]]], shares: Sequence[float] | None = None
) -> dict[str, dict[str, float]]:
    """The means of the maps to the scales of data sets, of those sets that all models know."""
    names = [name for name in scales[0] if all(name in one for one in scales)]
    return {
        name: {
            key: float(np.average([one[name][key] for one in scales], weights=shares))
            for key in scales[0][name]
        }
        for name in names
    }


def _check_alike(
    first_path: Path, first: dict[str, Any], path: Path, other: dict[str, Any], names: Sequence[str]
) -> None:
    from utils.checkpoint import arch_of_today

    for name in names:
        wanted, found = (file["spec"].get(name, BEFORE.get(name)) for file in (first, other))
        if name == "arch":
            differ = arch_of_today(found) != arch_of_today(wanted)
        else:
            differ = found != wanted
        if differ:
            raise ConfigError(f"{path}: its {name} is {found}, that of {first_path} is {wanted}")
    shapes = [{name: value.shape for name, value in file["state_dict"].items()} for file in (first, other)]
    if shapes[0] != shapes[1]:
        raise ConfigError(f"{path}: its weights have other names or shapes than those of {first_path}")


def mean_state(
    states: "Sequence[dict[str, Tensor]]", shares: Sequence[float] | None = None
) -> "dict[str, Tensor]":
    """The mean of tensors of one name and shape, in float32; whole numbers (counters) are the first's."""
    import torch

    weights = torch.tensor(shares if shares is not None else [1.0] * len(states), dtype=torch.float64)
    weights = (weights / weights.sum()).float()

    def mean(name: str) -> "Tensor":
        tensors = torch.stack([state[name].float() for state in states])
        return (tensors * weights.view(-1, *[1] * (tensors.dim() - 1))).sum(dim=0)

    return {name: mean(name) if value.is_floating_point() else value for name, value in states[0].items()}


def renewed(content: dict[str, Any], data: Path, count: int) -> dict[str, Any]:
    """`content` with statistics of batch normalisation from `count` images of `data`/train.

    Raises:
        LabelError: no label file there, or one that does not fit the model's task.
        ImageError: an image that can't be read.
    """
    from dataloader.labels import load_labels
    from models.batch_norm import renew_statistics
    from models.load import load_model

    network, spec = load_model(content, "the mean")
    labels = load_labels(data / "train" / "label.txt", spec.criterion, spec.num_classes, root=data)
    numbers = np.linspace(0, len(labels.paths) - 1, min(len(labels.paths), count)).round().astype(int)
    names = [labels.paths[number] for number in np.unique(numbers)]
    renew_statistics(network.eval(), _crops(names, spec))
    return {**content, "state_dict": network.state_dict()}


def _crops(names: Sequence[str], spec: "ModelSpec") -> "Iterator[Tensor]":
    """Normalised crops (B, 3, H, W), as in training, of the images `names`."""
    import torch

    from dataloader.recipes import read_image
    from models.normalise import Normalise, to_unit

    view, normalise = spec.make_view(), Normalise(spec.mean, spec.std)

    def crop(job: tuple[int, str]) -> np.ndarray:
        number, name = job
        return view.vary(view.prepare(read_image(view, name)), np.random.default_rng(number))

    jobs = list(enumerate(names))
    starts = range(0, max(1, len(jobs) // BATCH) * BATCH, BATCH)
    bar = progress_bar(total=len(starts), desc="batch normalisation", unit="batch")
    with bar, ThreadPoolExecutor(usable_cores()) as pool:
        for start in starts:
            crops = np.stack([*pool.map(crop, jobs[start : start + BATCH])])
            yield normalise(to_unit(torch.from_numpy(crops)))
            bar.update()


if __name__ == "__main__":
    sys.exit(main())
