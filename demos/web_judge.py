"""What the page does with images. Files are Gradio's own copies of uploads; no other path is opened."""

import base64
import io
import time
from concurrent.futures import TimeoutError as Late  # on Python 3.10 not the TimeoutError of Python
from pathlib import Path
from typing import IO, Any

import gradio as gr

from demos.web_cards import hint, score_card, verdict
from demos.web_errors import name_of, reason, refusal
from demos.web_guard import is_upload
from demos.web_map import map_image
from demos.web_text import answers
from rankiqa.score import score_ends
from rankiqa.serve.service import Service
from utils.errors import ImageError

ALIKE = 0.01  # of the scale: two scores that are closer say nothing
THUMBNAIL = (96, 96)
ERRORS = (ImageError, OSError)  # of one image: unreadable; timed out, or deleted since the upload


class Judge:
    """The page's answers, in the language of the request.

    Args:
        service: scores, within its limits.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._ends = score_ends(service.scorer.spec)

    def one(self, path: str | None, request: gr.Request) -> str:
        """The card of an image, or why there is none."""
        say = _say(request)
        if not path:
            return ""
        try:
            result, size = self._score(path, self._end())
        except ERRORS as error:
            return refusal(error, path, say)
        score = float(result.scores[0])
        share = self._service.percentile(score)
        lines = [] if share is None else [say["percentile"].format(share)]
        lines.append(say["pixels"].format(*size))
        shares = None if result.probs is None else result.probs[0].tolist()
        return score_card(score, shares, lines, self._ends, say)

    def map(self, path: str | None, request: gr.Request) -> tuple[Any, str]:
        """The quality map of an image, and how to read it; nothing where it can't be read."""
        say = _say(request)
        nothing = gr.update(value=None, visible=False)
        if not path:
            return nothing, ""
        scorer, seconds = self._service.scorer, self._service.limits.score_seconds
        try:
            shown = map_image(self._open(path), scorer, seconds)
        except TimeoutError:
            return nothing, hint(say["busy"])
        except ERRORS:  # the card has said why
            return nothing, ""
        return gr.update(value=shown, visible=True), hint(
            say["patches" if scorer.spec.view == "patches" else "fit"]
        )

    def two(self, first: str | None, second: str | None, request: gr.Request) -> tuple[Any, ...]:
        """Which of two is better, and both images with their scores."""
        say = _say(request)
        paths = [path for path in (first, second) if path]
        nothing = gr.update(value=None, visible=False)
        if len(paths) < 2:
            return (hint(say["missing"]) if paths else "", nothing, nothing)
        scores, images, end = [], [], self._end()
        for path in paths:
            try:
                scores.append(float(self._score(path, end)[0].scores[0]))
                images.append(self._open(path, (900, 900)))
            except ERRORS as error:
                return refusal(error, path, say), nothing, nothing
        shown = [
            gr.update(value=image, label=f"{name_of(path)}: {score:.3f}", visible=True)
            for path, score, image in zip(paths, scores, images, strict=True)
        ]
        return self._verdict(paths, scores, say), *shown

    def many(self, paths: list[str] | None, request: gr.Request) -> tuple[Any, str]:
        """A table, the best first, and a line on how many."""
        say = _say(request)
        if not paths:
            return gr.update(value=None, visible=False), ""
        most = self._service.limits.files
        end = self._end()
        rows = [self._row(path, say, end) for path in paths[:most]]
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
        return verdict(say["better"].format(name_of(paths[scores.index(max(scores))])), by)

    def _row(self, path: str, say: dict[str, Any], end: float) -> list[Any]:
        try:
            result, (width, height) = self._score(path, end)
            image = self._open(path, THUMBNAIL)
        except ERRORS as error:
            return ["", name_of(path), "", "", "", "", reason(error, path, say)]
        score = float(result.scores[0])
        share = self._service.percentile(score)
        return [
            _inline(image),
            name_of(path),
            round(score, 3),
            "" if share is None else round(share),
            width,
            height,
            "",
        ]

    def _end(self) -> float:
        return time.monotonic() + self._service.limits.score_seconds

    def _score(self, path: str, end: float) -> tuple[Any, tuple[int, int]]:
        if time.monotonic() > end:
            raise TimeoutError
        with _upload(path) as file:
            future, size = self._service.score_file(file, name_of(path))
        try:
            return future.result(max(0.0, end - time.monotonic())), size
        except Late:
            future.cancel()
            raise TimeoutError from None

    def _open(self, path: str, most: tuple[int, int] | None = None) -> Any:
        with _upload(path) as file:
            image = self._service.decode(file, name_of(path), most)[0]
        if most:
            image.thumbnail(most)
        return image


def _upload(path: str) -> IO[bytes]:
    if not is_upload(path):
        raise ImageError(f"{name_of(path)}: not an upload")
    return Path(path).open("rb")


def _say(request: gr.Request) -> dict[str, Any]:
    return answers(request.headers.get("accept-language"))


def _inline(image: Any) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return f"<img src='data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}' alt=''>"
