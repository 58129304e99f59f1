"""Score over time as SVG: for the page of --report, and as a file of its own."""

import math
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

import numpy as np

from rankiqa.files import write_text
from rankiqa.terminal.printable import printable
from rankiqa.video.summary import VideoSummary

WIDTH, HEIGHT = 1100, 260  # pixels
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 30, 40  # margins in pixels
DOTS = 120  # frames up to which each is a dot, too
COLUMNS = 800  # of a longer video, the lowest and the highest score of each column are joined


def write_plot(path: Path, videos: Sequence[VideoSummary]) -> None:
    """Write an SVG with a panel for each video, one below the other, atomically."""
    panels = "\n".join(
        f'<svg y="{number * HEIGHT}" width="{WIDTH}" height="{HEIGHT}">{_panel(video)}</svg>'
        for number, video in enumerate(videos)
    )
    write_text(path, f"{_head(HEIGHT * max(1, len(videos)))}{panels}\n</svg>\n")


def plot_of(video: VideoSummary) -> str:
    """The panel of one video, an <svg> that can stand in a page."""
    return f"{_head(HEIGHT)}{_panel(video)}</svg>"


def _head(height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'style="width:100%;background:#fff" font-family="system-ui, sans-serif" font-size="13">'
    )


def _panel(video: VideoSummary) -> str:
    times, scores = _thinned(np.asarray(video.times), np.asarray(video.scores))
    x_ticks = _ticks(0.0, max(float(times[-1]), 1e-3), 10)
    y_ticks = _ticks(float(scores.min()), float(scores.max()), 5)
    low, high = min(y_ticks[0], float(scores.min())), max(y_ticks[-1], float(scores.max()))
    end = max(float(times[-1]), 1e-3)

    def x(time: float) -> float:
        return round(LEFT + time / end * (WIDTH - LEFT - RIGHT), 1)

    def y(score: float) -> float:
        return round(HEIGHT - BOTTOM - (score - low) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)

    parts = [f'<text x="{LEFT}" y="18" fill="#1c2530">{escape(_title(video))}</text>']
    for tick in y_ticks:
        parts.append(f'<path d="M{LEFT} {y(tick)}H{WIDTH - RIGHT}" stroke="#dde3ea"/>')
        parts.append(
            f'<text x="{LEFT - 8}" y="{y(tick) + 4}" text-anchor="end" fill="#667384">{tick:g}</text>'
        )
    for tick in (tick for tick in x_ticks if 0 <= tick <= end):
        parts.append(f'<path d="M{x(tick)} {HEIGHT - BOTTOM}v5" stroke="#667384"/>')
        parts.append(
            f'<text x="{x(tick)}" y="{HEIGHT - 20}" text-anchor="middle" fill="#667384">{tick:g}</text>'
        )
    parts.append(
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 4}" text-anchor="end" fill="#667384">seconds</text>'
    )
    line = " ".join(
        f"{x(time)},{y(score)}" for time, score in zip(times.tolist(), scores.tolist(), strict=True)
    )
    parts.append(f'<polyline points="{line}" fill="none" stroke="#1768ac" stroke-width="1.5"/>')
    if len(times) <= DOTS:
        parts += [
            _dot(x(time), y(score), 2.5, "#1768ac", time, score)
            for time, score in zip(times, scores, strict=True)
        ]
    parts += [
        _dot(x(row.time), y(row.score), 4.5, "#b3261e", row.time, row.score)
        for row in video.worst
        if row.time is not None and row.score is not None
    ]
    return "".join(parts)


def _title(video: VideoSummary) -> str:
    name = printable(Path(video.path).name)
    return f"{name}: mean {video.mean:.3f}, 5th percentile {video.fifth:.3f}, lowest {video.lowest:.3f}"


def _dot(x: float, y: float, radius: float, color: str, time: float, score: float) -> str:
    tip = f"<title>{time:g} s: {score:.3f}</title>"
    return f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{color}">{tip}</circle>'


def _thinned(times: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most twice COLUMNS frames, among them the lowest and the highest of each part of the time."""
    if len(times) <= 2 * COLUMNS:
        return times, scores
    kept = sorted(set(_ends_of_columns(scores)))
    return times[kept], scores[kept]


def _ends_of_columns(scores: np.ndarray) -> Iterator[int]:
    for part in np.array_split(np.arange(len(scores)), COLUMNS):
        yield int(part[np.argmin(scores[part])])
        yield int(part[np.argmax(scores[part])])


def _ticks(low: float, high: float, count: int) -> list[float]:
    """Round numbers from at or below `low` to at or above `high`, about `count`."""
    span = max(high - low, 1e-3 * max(1.0, abs(high)))
    raw = span / count
    scale = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * scale for factor in (1, 2, 5, 10) if factor * scale >= raw * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 10) for number in range(first, max(last, first + 1) + 1)]
