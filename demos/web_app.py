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
from rankiqa.terminal.entry import program, program_parser
from utils.errors import WeightsError

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("GRADIO_RUN_HISTORY", "False")  # its routes would ask huggingface.co for any client

NEEDS = (("gradio", "gradio"), ("fastapi", "fastapi"), ("python_multipart", "python-multipart"))


@program()
def main(argv: list[str] | None = None) -> None:
    """Serve until interrupted."""
    from rankiqa.optional import require

    arguments = parse(argv)
    if arguments.model is None and not names.DEFAULT_MODEL.is_file():
        raise WeightsError(names.no_default_model("--model"))
    for module, package in NEEDS if not arguments.api_only else NEEDS[1:]:
        require(module, "the page", package)
    uvicorn: Any = require("uvicorn", "the page")
    app = build(arguments)
    print(f"http://{arguments.host}:{arguments.port}  (API: /docs)", flush=True)
    serve(uvicorn, app, arguments)


def serve(uvicorn: Any, app: Any, arguments: argparse.Namespace) -> None:
    """Until interrupted. Neither the page nor the API needs websockets, which no limit watches."""
    from demos.web_connections import BACKLOG, limited_protocol, most_connections

    uvicorn.run(
        app,
        host=arguments.host,
        port=arguments.port,
        log_level="warning",
        timeout_keep_alive=15,
        ws="none",
        http=limited_protocol(arguments.upload_seconds, most_connections()),
        backlog=BACKLOG,
    )


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The flags."""
    parser = program_parser("A page and a REST API that tell how good images look.")
    add = parser.add_argument
    add("--model", type=Path, help="model file of any format (default: pretrained/default.pth)")
    add("--engine", default="auto", help="engine: auto, native, torch, onnx or openvino (default: auto)")
    add("--device", default="cpu", help="device that computes: cpu or cuda (default: cpu)")
    add(
        "--host",
        default="127.0.0.1",
        help="address; 0.0.0.0 lets other machines in (default: 127.0.0.1)",
    )
    add("--port", type=int, default=7860, help="port to listen at (default: 7860)")
    key_help = (
        "key that clients must send as X-API-Key and the page asks for (user: rankiqa); also RANKIQA_API_KEY"
    )
    add("--api_key", default=os.environ.get("RANKIQA_API_KEY"), help=key_help)
    add("--max_megabytes", type=float, default=20, help="largest file in megabytes (default: 20)")
    add("--max_megapixels", type=float, default=50, help="largest image in megapixels (default: 50)")
    add("--max_files", type=int, default=16, help="most files per request (default: 16)")
    add(
        "--max_requests",
        type=int,
        default=64,
        help="requests at once; more get status 429 (default: 64)",
    )
    add("--upload_seconds", type=float, default=30, help="seconds for a request to arrive (default: 30)")
    add("--score_seconds", type=float, default=60, help="seconds from then to the answer (default: 60)")
    add("--api_only", action="store_true", help="serve the API without the page; needs no gradio")
    return parser.parse_args(argv)


def build(arguments: argparse.Namespace) -> Any:
    """The application: the API, and the page mounted on it.

    Raises:
        WeightsError: no model, or one that can't be opened.
    """
    from deploy.engines import load_scorer
    from rankiqa.serve.api import create_app
    from rankiqa.serve.limits import Limits

    limits = Limits(
        file_bytes=int(arguments.max_megabytes * 2**20),
        pixels=int(arguments.max_megapixels * 1e6),
        files=arguments.max_files,
        upload_seconds=arguments.upload_seconds,
        score_seconds=arguments.score_seconds,
        concurrent=arguments.max_requests,
    )
    scorer = load_scorer(arguments.model or names.DEFAULT_MODEL, arguments.device, engine=arguments.engine)
    app = create_app(scorer, limits, arguments.api_key)
    if arguments.api_only:
        return app
    from demos.web_page import mount

    return mount(app, arguments.api_key)


if __name__ == "__main__":
    sys.exit(main())
