"""A page that scores images, and a REST API beside it: python demos/web_app.py [--model FILE]

Needs `pip install -r requirements-deploy.txt`. The page is at http://127.0.0.1:7860, the API at /v1,
described at /docs. Neither needs a network.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    # run as a file, Python puts this folder first, where the project's packages are not
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from deploy import names
from rankiqa.optional import require
from rankiqa.serve import command
from rankiqa.terminal.entry import program
from utils.errors import WeightsError

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("GRADIO_RUN_HISTORY", "False")  # its routes would ask huggingface.co for any client


@program()
def main(argv: list[str] | None = None) -> None:
    """Serve until interrupted."""
    arguments = parse(argv)
    if not arguments.api_only:
        require("gradio", "the page")
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
    add("--api_only", action="store_true", help="serve the API without the page; needs no gradio")
    return parser.parse_args(argv)


def build(arguments: argparse.Namespace) -> Any:
    """The application: the API, and the page mounted on it.

    Raises:
        WeightsError: no model, or one that can't be opened.
    """
    from deploy.engines import load_scorer

    if arguments.model is None and not names.DEFAULT_MODEL.is_file():
        raise WeightsError(names.no_default_model("--model"))
    scorer = load_scorer(arguments.model or names.DEFAULT_MODEL, arguments.device, engine=arguments.engine)
    app = command.create(arguments, scorer)
    if arguments.api_only:
        return app
    from demos.web_page import mount

    return mount(app, arguments.api_key)


if __name__ == "__main__":
    sys.exit(main())
