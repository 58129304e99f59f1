"""The Gradio page: what stands where. What it says is in web_text.py, what it does in web_judge.py."""

from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI

from demos.web_cards import STYLE
from demos.web_guard import NoUrls, UploadsOnly
from demos.web_judge import Judge
from demos.web_text import CHINESE, ENGLISH
from rankiqa.serve.service import Service

EXAMPLES = sorted((Path(__file__).resolve().parent / "images").glob("*.png"))
# Seconds: how often uploads are looked through, and the age at which they are deleted. Who comes back to a
# page within the hour finds its images still there; the disk must hold the uploads of that hour.
KEPT = (600, 3600)
HIDDEN: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}  # programs take /v1


def mount(app: FastAPI, key: str | None) -> FastAPI:
    """`app` of `rankiqa.serve.api` with the page at /; with a key, behind a login of user rankiqa.

    The theme's own fonts would come from the network; the system's do not.
    """
    service: Service = app.state.service
    words = gr.I18n(en=ENGLISH, zh=CHINESE, **{"zh-CN": CHINESE, "zh-TW": CHINESE})
    app.add_middleware(NoUrls)
    return gr.mount_gradio_app(
        app,
        page(service, words).as_launched(),
        path="",
        i18n=words,
        auth=("rankiqa", key) if key else None,
        max_file_size=service.limits.file_bytes,
        show_error=False,
        ssr_mode=False,
        footer_links=[],
        theme=gr.themes.Soft(font=["system-ui", "sans-serif"], font_mono=["monospace"]),
        css=STYLE,
    )


def page(service: Service, words: Any) -> UploadsOnly:
    """The three tabs."""
    judge = Judge(service)
    with UploadsOnly(title="RankIQA", analytics_enabled=False, delete_cache=KEPT) as blocks:
        gr.Markdown(words("title"))
        gr.Markdown(words("intro"))
        with gr.Tab(words("one"), id="one"):
            _one(judge, words)
        with gr.Tab(words("two"), id="two"):
            _two(judge, words)
        with gr.Tab(words("many"), id="many"):
            _many(judge, words)
    blocks.queue(max_size=32, default_concurrency_limit=4)
    return blocks


def _one(judge: Judge, words: Any) -> None:
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            drop = _drop(words("drop"), "one")
            card = gr.HTML(elem_id="card")
            gr.Examples([str(path) for path in EXAMPLES], drop, label=words("examples"))
            drop.keep_in_cache |= drop.temp_files  # the examples; else they would be deleted as uploads are
        with gr.Column(scale=2, min_width=480):
            heat = _image(words("map"), "map")
            meaning = gr.HTML()
    scored = drop.change(judge.one, drop, card, **HIDDEN)
    scored.then(judge.map, drop, [heat, meaning], **HIDDEN)


def _two(judge: Judge, words: Any) -> None:
    with gr.Row():
        drops = [_drop(words("drop_first"), "first"), _drop(words("drop_second"), "second")]
    verdict = gr.HTML(elem_id="verdict")
    with gr.Row():
        shown = [_image("", "shown_first"), _image("", "shown_second")]
    for drop in drops:
        drop.change(judge.two, drops, [verdict, *shown], **HIDDEN)


def _many(judge: Judge, words: Any) -> None:
    drop = _drop(words("drop_many"), "many", file_count="multiple")
    note = gr.HTML(elem_id="note")
    kinds: Any = ["html", "str", "number", "number", "number", "number", "str"]
    table = gr.Dataframe(
        label=words("table"), elem_id="table", interactive=False, datatype=kinds, visible=False
    )
    drop.change(judge.many, drop, [table, note], **HIDDEN)


def _drop(label: Any, name: str, file_count: Any = "single") -> gr.File:
    """A gr.File, not a gr.Image: Gradio would decode whatever comes, without limits."""
    return gr.File(label=label, elem_id=name, file_count=file_count, height=150)


def _image(label: Any, name: str) -> gr.Image:
    return gr.Image(label=label, elem_id=name, interactive=False, format="png", buttons=[], visible=False)
