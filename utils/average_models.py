"""One model from several of one architecture: the mean of their weights.

    python utils/average_models.py first.pth second.pth --out averaged.pth

Models that were trained from the same initial weights, on different data or by different recipes, often lie
in one valley of the loss; their mean then generalises better than each, at the cost of one (Wortsman et al.,
*Model soups*, ICML 2022, section 3: the uniform soup). Scores lie elsewhere afterwards: `main.py --calibrate`
takes the percentiles anew.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __package__ in (None, ""):
    # run as a file, Python puts this folder first, where the project's packages are not
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from rankiqa.terminal.entry import program, program_parser
from utils.errors import ConfigError, WeightsError

if TYPE_CHECKING:
    from torch import Tensor

ALIKE = ("arch", "num_classes", "mean", "std", "criterion", "reasons")
VIEW = ("image_size", "view")


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
    args = parser.parse_args(argv)
    write_mean(args.models, args.out, args.view_of_first)
    print(f"{args.out}: the mean of {len(args.models)} models; take its percentiles by main.py --calibrate")


def write_mean(paths: Sequence[Path], out: Path, view_of_first: bool = False) -> None:
    """Write the mean of the weights and of the statistics of batch normalisation to `out`.

    The spec is that of the first, without its percentiles; with `view_of_first` others may have other views.

    Raises:
        ConfigError: fewer than two files, or two that differ in architecture, task, view or preprocessing.
        WeightsError: one that can't be read, or says nothing about itself; or `out` can't be written.
    """
    from utils.checkpoint import load_checkpoint, save_checkpoint

    if len(paths) < 2:
        raise ConfigError(f"{paths[0]}: a mean needs two models or more")
    files = [load_checkpoint(path) for path in paths]
    for path, file in zip(paths, files, strict=True):
        if "arch" not in file.get("spec", {}):
            raise WeightsError(f"{path}: holds no ModelSpec with an 'arch'")
        _check_alike(paths[0], files[0], path, file, ALIKE if view_of_first else ALIKE + VIEW)
    state = mean_state([file["state_dict"] for file in files])
    spec = {**files[0]["spec"], "score_range": None, "score_percentiles": None}
    save_checkpoint(out, {"state_dict": state, "spec": spec})


def _check_alike(
    first_path: Path, first: dict[str, Any], path: Path, other: dict[str, Any], names: Sequence[str]
) -> None:
    from utils.checkpoint import arch_of_today

    for name in names:
        wanted, found = (file["spec"].get(name, [] if name == "reasons" else None) for file in (first, other))
        if name == "arch":
            differ = arch_of_today(found) != arch_of_today(wanted)
        else:
            differ = found != wanted
        if differ:
            raise ConfigError(f"{path}: its {name} is {found}, that of {first_path} is {wanted}")
    shapes = [{name: value.shape for name, value in file["state_dict"].items()} for file in (first, other)]
    if shapes[0] != shapes[1]:
        raise ConfigError(f"{path}: its weights have other names or shapes than those of {first_path}")


def mean_state(states: "Sequence[dict[str, Tensor]]") -> "dict[str, Tensor]":
    """The mean of tensors of one name and shape, in float32; whole numbers (counters) are the first's."""
    import torch

    return {
        name: torch.stack([state[name].float() for state in states]).mean(dim=0)
        if value.is_floating_point()
        else value
        for name, value in states[0].items()
    }


if __name__ == "__main__":
    sys.exit(main())
