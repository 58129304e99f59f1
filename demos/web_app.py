"""A page that scores images, and a REST API beside it: python demos/web_app.py [--model FILE]

As `rankiqa serve`, but for any model file and on a GPU, too. Needs `pip install -r requirements-deploy.txt`.
The page is at http://127.0.0.1:7860, the API at /v1, described at /docs. Neither needs a network.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    # run as a file, Python puts this folder first, where the project's packages are not
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from deploy import names
from rankiqa.serve import command
from rankiqa.terminal.entry import program
from utils.errors import WeightsError


@program()
def main(argv: list[str] | None = None) -> None:
    """Serve until interrupted."""
    arguments = parse(argv)
    command.serve(build(arguments), arguments)


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(
        description="A page and a REST API that tell how good images look.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--model", type=Path, help="model file of any format; pretrained/default.pth, if not given")
    add("--engine", default="auto", help="library that computes: auto, native, torch, onnx or openvino")
    add("--device", default="cpu", help="device that computes: cpu or cuda")
    command.add_flags(parser)
    return parser.parse_args(argv)


def build(arguments: argparse.Namespace) -> Any:
    """The application: the page and the API.

    Raises:
        WeightsError: no model, or one that can't be opened.
    """
    from deploy.engines import load_scorer

    if arguments.model is None and not names.DEFAULT_MODEL.is_file():
        raise WeightsError(names.no_default_model("--model"))
    scorer = load_scorer(arguments.model or names.DEFAULT_MODEL, arguments.device, engine=arguments.engine)
    return command.create(arguments, scorer)


if __name__ == "__main__":
    sys.exit(main())
