"""Score images with a TorchScript model: python image_assessment.py [--model FILE] [IMAGE or FOLDER ...].

The file carries everything about the model; no flag and no training code is needed.
"""

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from demos.score_sheet import draw_sheet  # noqa: E402
from deploy.engines import Scorer, load_scorer  # noqa: E402
from rankiqa.batch.folders import find_images  # noqa: E402
from rankiqa.image import read_rgb  # noqa: E402
from rankiqa.terminal.entry import run_program  # noqa: E402
from rankiqa.terminal.printable import printable  # noqa: E402
from utils.errors import ImageError, WeightsError  # noqa: E402

# Where --jit and the quick start leave their files.
FOLDERS = (HERE.parent / "checkpoints", HERE.parent / "quick_start" / "checkpoints")
DEFAULT_NAME = "jit_efficientnet_b0.pt"


def main(argv: list[str] | None = None) -> int:
    """Print score, distribution for N > 1, and path of every image; 1 when some could not be read."""
    return run_program(lambda: _run(argv))


def _run(argv: list[str] | None) -> int:
    parser = argparse.ArgumentParser(description="Tell how good images look, higher = better.")
    parser.add_argument("paths", nargs="*", type=Path, default=[HERE / "images"], help="images and folders")
    model_help = "TorchScript file (default: the newest jit_*.pt of checkpoints/ or quick_start/)"
    parser.add_argument("--model", type=Path, help=model_help)
    parser.add_argument(
        "--sheet", type=Path, metavar="PNG", help="draw the images with their scores, best first"
    )
    arguments = parser.parse_args(argv)
    model = arguments.model or default_model()
    scorer = load_scorer(model)
    print(describe(scorer, model))
    scored, faults = print_scores(scorer, arguments.paths)
    if arguments.sheet and scored:
        draw_sheet(scored, arguments.sheet)
        print(f"drawn: {arguments.sheet}")
    return 1 if faults else 0


def default_model() -> Path:
    """jit_efficientnet_b0.pt, else the newest jit_*.pt, of checkpoints/, else of quick_start/checkpoints/.

    Raises:
        WeightsError: there is none.
    """
    for folder in FOLDERS:
        found = sorted(folder.glob("jit_*.pt"), key=lambda path: path.stat().st_mtime)
        if found:
            return next((path for path in found if path.name == DEFAULT_NAME), found[-1])
    raise WeightsError(
        f"{FOLDERS[0] / DEFAULT_NAME}: no such file; make a model by bash z_task_shell/quick_start.sh, "
        "or convert a checkpoint by main.py --jit --resume FILE"
    )


def describe(scorer: Scorer, model: Path) -> str:
    """One line on the model and on what its scores mean."""
    spec = scorer.spec
    if spec.num_classes > 1:
        scale = f"in 1..{spec.num_classes}"
    elif spec.score_range:
        scale = f"{spec.score_range[0]:.3f} to {spec.score_range[1]:.3f} in validation"
    else:
        scale = "no fixed scale"
    return f"{model}: {spec.arch}, trained by {spec.criterion}; score: higher is better, {scale}"


def print_scores(scorer: Scorer, paths: list[Path]) -> tuple[list[tuple[float, Path]], int]:
    """Score every image of the files and folders: (score, image) of each, and how many can't be read.

    Raises:
        ImageError: there are no images.
    """
    images = [image for path in paths for image in (find_images(path) if path.is_dir() else [path])]
    if not images:
        raise ImageError(f"no images in {', '.join(map(str, paths))}")
    scored: list[tuple[float, Path]] = []
    faults = 0
    for image in images:
        try:
            result = scorer.score([read_rgb(image)])
        except ImageError as error:
            print(f"error: {error}", file=sys.stderr)
            faults += 1
            continue
        shares = "" if result.probs is None else "  " + " ".join(f"{share:.3f}" for share in result.probs[0])
        print(f"{result.scores[0]:9.4f}{shares}  {printable(str(image))}")
        scored.append((float(result.scores[0]), image))
    return scored, faults


if __name__ == "__main__":
    sys.exit(main())
