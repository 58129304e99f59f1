"""A page that scores images, and a REST API beside it: python demos/web_app.py [--model FILE]

Needs `pip install -r requirements-deploy.txt`. The page is at http://127.0.0.1:7860, the API at /v1,
described at /docs. Neither needs a network.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("GRADIO_RUN_HISTORY", "False")  # its routes would ask huggingface.co for any client

from deploy import names  # noqa: E402
from rankiqa.optional import require  # noqa: E402
from rankiqa.serve import command  # noqa: E402
from rankiqa.terminal.entry import run_program  # noqa: E402
from utils.errors import WeightsError  # noqa: E402


def main(argv: list[str] | None = None) -> int:
    """Serve until interrupted."""
    return run_program(lambda: _run(parse(argv)))


def _run(arguments: argparse.Namespace) -> None:
    if not arguments.api_only:
        require("gradio", "the page")
    command.serve(build(arguments), arguments)


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(
        description="A page and a REST API that tell how good images look.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--model", type=Path, help="any model file; pretrained/default.pth, if not given")
    add("--engine", default="auto", help="auto, native, torch, onnx or openvino")
    add("--device", default="cpu", help="cpu or cuda")
    command.add_flags(parser)
    add("--api_only", action="store_true", help="without the page; needs no gradio")
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
