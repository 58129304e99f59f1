"""What the page does with pictures. Files are Gradio's own copies of uploads; no other path is opened."""

import base64
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from demos.web_cards import hint, problem, score_card, verdict
from demos.web_text import answers
from deploy.quality_map import draw_map, quality_map
from deploy.score_scale import score_ends
from deploy.service import Service
from utils.errors import ImageError

ALIKE = 0.01  # of the scale: two scores that are closer say nothing
THUMBNAIL = (96, 96)
MAP_PIXELS = (2000, 2000)  # "fit" looks at a small copy anyway


class Judge:
    """The page's answers, in the language of the request.

    Args:
        service: scores, within its limits.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._ends = score_ends(service.scorer.spec)

    def one(self, path: str | None, request: gr.Request) -> str:
        """The card of a picture, or why there is none."""
        say = _say(request)
        if not path:
            return ""
        try:
            result, size = self._score(path)
        except (ImageError, TimeoutError) as error:
            return _problem(error, path, say)
        score = float(result.scores[0])
        share = self._service.percentile(score)
        lines = [] if share is None else [say["percentile"].format(share)]
        lines.append(say["pixels"].format(*size))
        shares = None if result.probs is None else result.probs[0].tolist()
        return score_card(score, shares, lines, self._ends, say)

    def map(self, path: str | None, request: gr.Request) -> tuple[Any, str]:
        """The quality map of a picture, and how to read it; nothing where it can't be read."""
        scorer = self._service.scorer
        try:
            image = self._open(path) if path else None
        except ImageError:  # the card has said why
            image = None
        if image is None:
            return gr.update(value=None, visible=False), ""
        if scorer.spec.view == "fit":
            image.thumbnail(MAP_PIXELS)
        from PIL import Image

        buffer = io.BytesIO()
        draw_map(replace(quality_map(image, scorer), meaning=""), "", buffer)  # the page says it
        shown = gr.update(value=Image.open(buffer), visible=True)
        return shown, hint(_say(request)[scorer.spec.view])

    def two(self, first: str | None, second: str | None, request: gr.Request) -> tuple[Any, ...]:
        """Which of two is better, and both pictures with their scores."""
        say = _say(request)
        paths = [path for path in (first, second) if path]
        nothing = gr.update(value=None, visible=False)
        if len(paths) < 2:
            return (hint(say["missing"]) if paths else "", nothing, nothing)
        scores, images = [], []
        for path in paths:
            try:
                scores.append(float(self._score(path)[0].scores[0]))
                images.append(self._open(path, (900, 900)))
            except (ImageError, TimeoutError) as error:
                return _problem(error, path, say), nothing, nothing
        shown = [
            gr.update(value=image, label=f"{_name(path)}: {score:.3f}", visible=True)
            for path, score, image in zip(paths, scores, images, strict=True)
        ]
        return self._verdict(paths, scores, say), *shown

    def many(self, paths: list[str] | None, request: gr.Request) -> tuple[Any, str]:
        """A table, the best first, and a line on how many."""
        say = _say(request)
        if not paths:
            return gr.update(value=None, visible=False), ""
        most = self._service.limits.files
        rows = [self._row(path, say) for path in paths[:most]]
        bad = sum(1 for row in rows if row[-1])
        rows.sort(key=lambda row: -row[2] if isinstance(row[2], float) else float("inf"))
        note = say["done"].format(len(rows) - bad, bad)
        if len(paths) > most:
            note += " " + say["cut"].format(most, len(paths))
        return gr.update(value={"headers": say["columns"], "data": rows}, visible=True), hint(note)

    def _verdict(self, paths: list[str], scores: list[float], say: dict[str, Any]) -> str:
        by = say["by"].format(max(scores), min(scores))
        span = self._ends[1] - self._ends[0] if self._ends else 0.0
        if abs(scores[0] - scores[1]) <= ALIKE * span:
            return verdict(say["tie"], by)
        return verdict(say["better"].format(_name(paths[scores.index(max(scores))])), by)

    def _row(self, path: str, say: dict[str, Any]) -> list[Any]:
        try:
            result, (width, height) = self._score(path)
            image = self._open(path, THUMBNAIL)
        except (ImageError, TimeoutError) as error:
            return ["", _name(path), "", "", "", "", _reason(error, path, say)]
        score = float(result.scores[0])
        share = self._service.percentile(score)
        return [
            _inline(image),
            _name(path),
            round(score, 3),
            "" if share is None else round(share),
            width,
            height,
            "",
        ]

    def _score(self, path: str) -> tuple[Any, tuple[int, int]]:
        with Path(path).open("rb") as file:
            future, size = self._service.score_file(file, _name(path))
        return future.result(self._service.limits.score_seconds), size

    def _open(self, path: str, most: tuple[int, int] | None = None) -> Any:
        with Path(path).open("rb") as file:
            image = self._service.decode(file, _name(path), most)[0]
        if most:
            image.thumbnail(most)
        return image


def _say(request: gr.Request) -> dict[str, Any]:
    return answers(request.headers.get("accept-language"))


def _name(path: str) -> str:
    return Path(path).name


def _reason(error: Exception, path: str, say: dict[str, Any]) -> str:
    if not isinstance(error, ImageError):
        return str(say["busy"])
    return str(say["reason"].format(str(error).removeprefix(f"{_name(path)}: ")))


def _problem(error: Exception, path: str, say: dict[str, Any]) -> str:
    reason = _reason(error, path, say)
    return problem(say["refused"].format(_name(path), reason) if isinstance(error, ImageError) else reason)


def _inline(image: Any) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return f"<img src='data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}' alt=''>"
