"""Score images with a TorchScript model: python image_assessment.py [--model FILE] [IMAGE or FOLDER ...].

The file carries everything about the model; no flag and no training code is needed.
"""

import sys
from pathlib import Path

if __package__ in (None, ""):
    # run as a file, Python puts this folder first, where the project's packages are not
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from demos.scores import describe, draw_sheet, print_scores
from deploy.engines import load_scorer
from rankiqa.terminal.entry import program, program_parser
from utils.errors import WeightsError

HERE = Path(__file__).resolve().parent
# Where --jit and the quick start leave their files.
FOLDERS = (HERE.parent / "checkpoints", HERE.parent / "quick_start" / "checkpoints")
DEFAULT_NAME = "jit_efficientnet_b0.pt"


@program()
def main(argv: list[str] | None = None) -> int:
    """Print score, distribution for N > 1, and path of every image; 1 when some could not be read."""
    parser = program_parser("Tell how good images look, higher = better.")
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
    scored, failed = print_scores(scorer, arguments.paths)
    if arguments.sheet and scored:
        draw_sheet(scored, arguments.sheet)
        print(f"drawn: {arguments.sheet}")
    return 1 if failed else 0


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


if __name__ == "__main__":
    sys.exit(main())
