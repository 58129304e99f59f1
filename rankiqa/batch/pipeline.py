"""Images on disk to rows of scores: decoding, resizing and the network overlap, in a constant space."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from rankiqa.batch.results import Row
from rankiqa.batch.storage import read_image
from rankiqa.decoding.limits import MAX_PIXELS
from rankiqa.errors import ImageError, RankIQAError
from rankiqa.image import Needs
from rankiqa.machine import keep_freed_memory
from rankiqa.reasons import Reason
from rankiqa.score import percentile
from rankiqa.scorer import Scorer
from rankiqa.spec import ModelSpec

AHEAD = 16  # images that are decoded before they are needed, for each thread that decodes
FORWARDS = 2  # groups in the network at once: when the forwards of one run out, those of the next begin


@dataclass(frozen=True)
class Decoded:
    """An image as crops uint8 (P, 3, H, W), or the reason why not.

    Attributes:
        note: whatever else was found out while its pixels were there.
        time: of a frame of a video, in seconds.
    """

    path: str
    crops: np.ndarray | None
    width: int | None = None
    height: int | None = None
    error: str = ""
    note: Any = None
    time: float | None = None


Frames: TypeAlias = Callable[[str], Iterator[Decoded] | None]  # those of a video; None of any other path


def score_paths(
    paths: Iterable[str],
    scorer: Scorer,
    decoders: int,
    full_decode: bool = False,
    max_pixels: int = MAX_PIXELS,
    frames: Frames | None = None,
) -> Iterator[list[Row]]:
    """Rows of `paths`, in their order, a few at a time.

    Pillow and the engines leave Python's lock while they work, so threads use all cores. At most a window of
    images is held, whatever the number of paths.

    Args:
        paths: any iterable, read while the work proceeds.
        scorer: says how many images are scored together.
        decoders: threads that decode and resize.
        full_decode: never decode at a reduced scale; see `rankiqa.image.read_sized`.
        max_pixels: larger images get an error.
        frames: see `rankiqa.video.source`; None: a video is no image.
    """
    fit = None if full_decode else scorer.view.needs
    decode = partial(decode_path, scorer=scorer, fit=fit, max_pixels=max_pixels)
    for scored in score_decoded(paths, scorer, decoders, decode, frames):
        yield [row for row, _ in scored]


def score_decoded(
    paths: Iterable[str],
    scorer: Scorer,
    decoders: int,
    decode: Callable[[str], Decoded],
    frames: Frames | None = None,
) -> Iterator[list[tuple[Row, Any]]]:
    """As `score_paths`, each row with the note that `decode`, which runs in the threads, has made.

    Args:
        paths, scorer, decoders, frames: as of `score_paths`.
        decode: reads an image; raises nothing.
    """
    keep_freed_memory()  # large images decode 1.6 times as fast
    window = max(AHEAD * decoders, 3 * scorer.group)
    decoding: deque[Future[Decoded | None]] = deque()
    running: deque[Future[list[tuple[Row, Any]]]] = deque()
    with (
        ThreadPoolExecutor(decoders, "decode") as decode_pool,
        ThreadPoolExecutor(FORWARDS, "group") as forward_pool,
        ThreadPoolExecutor(1, "video") as video_pool,
    ):
        source = _submitted(paths, decode_pool, decode, video_pool, frames)
        try:
            while True:
                while len(decoding) < window and (future := next(source, None)) is not None:
                    decoding.append(future)
                if not decoding:
                    break
                taken = [decoding.popleft().result() for _ in range(min(scorer.group, len(decoding)))]
                group = [one for one in taken if one is not None]
                running.append(forward_pool.submit(_with_notes, group, scorer))
                while running and (len(running) > 2 * FORWARDS or running[0].done()):
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            for future in decoding:
                future.cancel()


def _submitted(
    paths: Iterable[str],
    pool: ThreadPoolExecutor,
    decode: Callable[[str], Decoded],
    video_pool: ThreadPoolExecutor,
    frames: Frames | None,
) -> Iterator["Future[Decoded | None]"]:
    """The images of `paths`, decoded in `pool`; those of a video come one after the other, then None."""
    for path in paths:
        images = frames(path) if frames else None
        if images is None:
            yield pool.submit(decode, path)
        else:
            turns = _Turns(images)
            while not turns.ended:
                yield video_pool.submit(turns.next)


class _Turns:
    """The frames of one video, which one thread decodes; `ended` may be seen some turns late."""

    def __init__(self, images: Iterator[Decoded]) -> None:
        self._images, self.ended = images, False

    def next(self) -> Decoded | None:
        one = next(self._images, None)
        self.ended = one is None
        return one


def _with_notes(group: list[Decoded], scorer: Scorer) -> list[tuple[Row, Any]]:
    return list(zip(score_group(group, scorer), [one.note for one in group], strict=True))


def decode_path(path: str, scorer: Scorer, fit: Needs, max_pixels: int = MAX_PIXELS) -> Decoded:
    """The crops of the image in `path`; whatever is wrong with the file becomes an `error`."""
    try:
        image, (width, height) = read_image(path, fit, max_pixels)
    except ImageError as error:
        return Decoded(path, None, error=reason_of(error, path))
    return Decoded(path, scorer.view.evaluate(image), width, height)


def reason_of(error: RankIQAError, path: str) -> str:
    """The message without the name, which the row has; pathlib spells ./a.png as a.png."""
    return str(error).removeprefix(f"{path}: ").removeprefix(f"{Path(path)}: ")


def score_group(group: list[Decoded], scorer: Scorer) -> list[Row]:
    """A row for each image of a group."""
    good = [one for one in group if one.crops is not None]
    rows = {}
    if good:
        result = scorer.score_crops([one.crops for one in good if one.crops is not None], pad=True)
        reasons = result.reasons or [[]] * len(good)
        columns = result.scores, result.deviations, result.low, result.high, result.strengths
        numbers = zip(*(_listed(column, len(good)) for column in columns), strict=True)
        for one, values, named in zip(good, numbers, reasons, strict=True):
            rows[id(one)] = _row(one, values, named, scorer.spec)
    return [rows[id(one)] if id(one) in rows else Row(one.path, error=one.error) for one in group]


def _listed(column: np.ndarray | None, count: int) -> list[Any]:
    return [None] * count if column is None else column.tolist()


def _row(one: Decoded, values: tuple[Any, ...], named: list[Reason], spec: ModelSpec) -> Row:
    """The row of an image; `values`: score, standard deviation, low, high, strengths of the families."""
    score, std, low, high, strengths = values
    bare = Row(one.path, width=one.width, height=one.height, time=one.time)
    if not np.isfinite(score):
        return replace(bare, error="the model's score is not finite")
    return replace(
        bare,
        score=score,
        percentile=percentile(score, spec),
        low=low,
        high=high,
        std=std,
        reasons="; ".join(reason.words() for reason in named),
        strengths=strengths or (),
    )
