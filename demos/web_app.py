"""A page that scores pictures, and a REST API beside it: python demos/web_app.py --model FILE

Needs `pip install -r requirements-deploy.txt`. The page is at http://127.0.0.1:7860, the API at /v1,
described at /docs.
"""

import argparse
import io
import os
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

from demos.image_assessment import default_model  # noqa: E402
from demos.web_text import CHINESE, ENGLISH, answers  # noqa: E402
from utils.errors import ImageError, RankIQAError  # noqa: E402

NEEDS = (("gradio", "gradio"), ("fastapi", "fastapi"), ("python_multipart", "python-multipart"))


def main(argv: list[str] | None = None) -> int:
    """Serve until interrupted."""
    arguments = parse(argv)
    try:
        from deploy.optional import require

        for module, package in NEEDS if not arguments.api_only else NEEDS[1:]:
            require(module, "the page", package)
        uvicorn: Any = require("uvicorn", "the page")
        app = build(arguments)
    except RankIQAError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"http://{arguments.host}:{arguments.port}  (API: /docs)", flush=True)
    uvicorn.run(app, host=arguments.host, port=arguments.port, log_level="warning", timeout_keep_alive=15)
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(description="A page and a REST API that tell how good pictures look.")
    add = parser.add_argument
    add(
        "--model",
        type=Path,
        help="any model file (default: the newest jit_*.pt of checkpoints/, quick_start/)",
    )
    add("--engine", default="auto", help="auto, native, torch, onnx or openvino (default: auto)")
    add("--device", default="cpu", help="cpu or cuda (default: cpu)")
    add("--host", default="127.0.0.1", help="0.0.0.0 lets other machines in (default: 127.0.0.1)")
    add("--port", type=int, default=7860, help="(default: 7860)")
    key_help = (
        "that clients must send as X-API-Key, and the page asks for (user: rankiqa); also RANKIQA_API_KEY"
    )
    add("--api_key", default=os.environ.get("RANKIQA_API_KEY"), help=key_help)
    add("--max_megabytes", type=float, default=20, help="of one file (default: 20)")
    add("--max_megapixels", type=float, default=50, help="of one picture (default: 50)")
    add("--max_files", type=int, default=16, help="of one request (default: 16)")
    add("--max_requests", type=int, default=64, help="at once; more get status 429 (default: 64)")
    add("--upload_seconds", type=float, default=30, help="for a request to arrive (default: 30)")
    add("--api_only", action="store_true", help="without the page; needs no gradio")
    return parser.parse_args(argv)


def build(arguments: argparse.Namespace) -> Any:
    """The application: the API, and the page mounted on it.

    Raises:
        WeightsError: no model, or one that can't be opened.
    """
    from deploy.api import create_app
    from deploy.engines import load_scorer
    from deploy.limits import Limits

    limits = Limits(
        file_bytes=int(arguments.max_megabytes * 2**20),
        pixels=int(arguments.max_megapixels * 1e6),
        files=arguments.max_files,
        upload_seconds=arguments.upload_seconds,
        concurrent=arguments.max_requests,
    )
    scorer = load_scorer(arguments.model or default_model(), arguments.device, engine=arguments.engine)
    app = create_app(scorer, limits, arguments.api_key)
    if arguments.api_only:
        return app
    import gradio

    words = gradio.I18n(en=ENGLISH, zh=CHINESE, **{"zh-CN": CHINESE, "zh-TW": CHINESE})
    return gradio.mount_gradio_app(
        app,
        page(app.state.service, words),
        path="",
        i18n=words,
        auth=("rankiqa", arguments.api_key) if arguments.api_key else None,
        max_file_size=limits.file_bytes,
        show_error=False,
        ssr_mode=False,
        footer_links=[],
        theme=gradio.themes.Soft(font=["system-ui", "sans-serif"], font_mono=["monospace"]),
    )


def page(service: Any, words: Any) -> Any:
    """The Gradio page over a `deploy.api.Service`."""
    import gradio as gr

    judge = Judge(service)
    with gr.Blocks(title="RankIQA", analytics_enabled=False, delete_cache=(600, 600)) as blocks:
        gr.Markdown(words("title"), elem_id="title")
        gr.Markdown(words("intro"))
        with gr.Tab(words("one")):
            with gr.Row():
                with gr.Column(scale=1):
                    one = gr.File(label=words("drop"), elem_id="one", height=170)
                    score = gr.Label(label=words("score"), elem_id="score")
                    shares = gr.Label(label=words("shares"), visible=service.scorer.spec.num_classes > 1)
                with gr.Column(scale=2):
                    heat = gr.Image(
                        label=words("map"), elem_id="map", interactive=False, format="png", buttons=[]
                    )
            note = gr.Markdown(elem_id="note")
            one.change(judge.with_request(judge.one, 1), one, [score, shares, heat, note])
        with gr.Tab(words("two")):
            with gr.Row():
                first = gr.File(label=words("drop_first"), elem_id="first", height=170)
                second = gr.File(label=words("drop_second"), elem_id="second", height=170)
            compare = gr.Button(words("compare"), variant="primary", elem_id="compare")
            verdict = gr.Markdown(elem_id="verdict")
            with gr.Row():
                shown = [gr.Image(interactive=False, show_label=False, buttons=[]) for _ in range(2)]
            compare.click(judge.with_request(judge.two, 2), [first, second], [verdict, *shown])
        with gr.Tab(words("many")):
            many = gr.File(label=words("drop_many"), elem_id="many", file_count="multiple", height=170)
            table = gr.Dataframe(label=words("table"), elem_id="table", interactive=False)
            many.change(judge.with_request(judge.many, 1), many, table)
    blocks.queue(max_size=32, default_concurrency_limit=4)
    return blocks


class Judge:
    """What the page does with pictures. Files are Gradio's own copies of uploads.

    Args:
        service: a `deploy.api.Service`.
    """

    def __init__(self, service: Any) -> None:
        self._service = service

    def with_request(self, work: Any, files: int) -> Any:
        """`work` as Gradio calls it: the request comes to a parameter that is annotated so."""
        import gradio as gr

        if files == 1:

            def of_one(upload: Any, request: gr.Request) -> Any:
                return work(upload, request)

            return of_one

        def of_two(first: Any, second: Any, request: gr.Request) -> Any:
            return work(first, second, request)

        return of_two

    def one(self, path: str | None, request: Any = None) -> tuple[Any, ...]:
        """Score, distribution, map and a note."""
        say = _say(request)
        if not path:
            return None, None, None, ""
        try:
            result, size = self._score(path)
            image = self._open(path)
        except ImageError as error:
            return None, None, None, say["refused"].format(_reason(error, path))
        except TimeoutError:
            return None, None, None, say["busy"]
        score = float(result.scores[0])
        probs = result.probs
        shares = None if probs is None else {str(k + 1): float(p) for k, p in enumerate(probs[0])}
        note = f"{size[0]} x {size[1]}{self._percentile(score, say)}"
        return f"{score:.3f}", shares, _drawn(image, self._service.scorer, score), note

    def two(self, first: str | None, second: str | None, request: Any = None) -> tuple[Any, ...]:
        """Which of two is better, and both pictures."""
        say = _say(request)
        if not first or not second:
            return say["missing"], None, None
        try:
            scores = [float(self._score(path)[0].scores[0]) for path in (first, second)]
            images = [self._thumbnail(path) for path in (first, second)]
        except ImageError as error:
            return say["refused"].format(_reason(error, first, second)), None, None
        except TimeoutError:
            return say["busy"], None, None
        if abs(scores[0] - scores[1]) < 5e-4:
            return say["tie"].format(scores[0]), *images
        better = first if scores[0] > scores[1] else second
        return say["better"].format(Path(better).name, max(scores), min(scores)), *images

    def many(self, paths: list[str] | None, request: Any = None) -> Any:
        """A table, the best first."""
        say = _say(request)
        rows = [self._row(path) for path in (paths or [])[: self._service.limits.files]]
        rows.sort(key=lambda row: (row[1] == "", -(row[1] or 0)))
        return {"headers": say["columns"], "data": rows}

    def _row(self, path: str) -> list[Any]:
        name = Path(path).name
        try:
            result, (width, height) = self._score(path)
        except (ImageError, TimeoutError) as error:
            return [name, "", "", "", "", _reason(error, path) or "timeout"]
        score = float(result.scores[0])
        share = self._service.percentile(score)
        return [name, round(score, 4), "" if share is None else round(share, 1), width, height, ""]

    def _score(self, path: str) -> tuple[Any, tuple[int, int]]:
        with Path(path).open("rb") as file:
            future, size = self._service.score_file(file, Path(path).name)
        return future.result(self._service.limits.score_seconds), size

    def _open(self, path: str) -> Any:
        with Path(path).open("rb") as file:
            return self._service.decode(file, Path(path).name)[0]

    def _thumbnail(self, path: str) -> Any:
        image = self._open(path)
        image.thumbnail((900, 900))
        return image

    def _percentile(self, score: float, say: dict[str, Any]) -> str:
        share = self._service.percentile(score)
        return "" if share is None else ", " + say["percentile"].format(share)


def _say(request: Any) -> dict[str, Any]:
    return answers(None if request is None else request.headers.get("accept-language"))


def _reason(error: Exception, *paths: str) -> str:
    """The message without the name of the server's copy."""
    text = str(error)
    for path in paths:
        text = text.removeprefix(f"{Path(path).name}: ")
    return text


def _drawn(image: Any, scorer: Any, score: float) -> Any:
    from PIL import Image

    from deploy.quality_map import draw_map, quality_map

    image.thumbnail((2000, 2000)) if scorer.spec.view == "fit" else None
    buffer = io.BytesIO()
    draw_map(quality_map(image, scorer), f"{score:.3f}", buffer)
    return Image.open(buffer)


if __name__ == "__main__":
    sys.exit(main())
