"""The page of --report: one file that opens from disk, with thumbnails, a histogram and a table."""

import heapq
import json
import random
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rankiqa.batch.results import Row, name_of
from rankiqa.files import write_text
from rankiqa.intervals import COVERAGE
from rankiqa.optional import require
from rankiqa.page_parts import link_to, open_template, thumbnail
from rankiqa.score import scale_in_words
from rankiqa.spec import ModelSpec
from rankiqa.terminal.printable import one_line
from rankiqa.video.plot import plot_of
from rankiqa.video.summary import VideoSummary

SHOWN = 24  # images at each end
BINS = 50
MOST_ROWS = 50_000  # of the table: what a browser still sorts at once
MOST_VIDEOS = 40  # with a plot and thumbnails of their own


class Summary:
    """What a page needs of any number of rows: eight bytes of each, and no more than MOST_ROWS whole.

    Attributes:
        good, bad: numbers of rows.
        best, worst: rows, the extreme one first.
        table: every row up to MOST_ROWS; of more, an even sample.
    """

    def __init__(self) -> None:
        self.bad = 0
        self.table: list[Row] = []
        self._scores = array("d")
        self._ends: dict[int, list[tuple[float, int, Row]]] = {
            1: [],
            -1: [],
        }  # heaps
        self._rng = random.Random(0)

    def add(self, rows: Iterable[Row]) -> None:
        """Take in some rows."""
        for row in rows:
            count = len(self._scores) + self.bad
            if len(self.table) < MOST_ROWS:
                self.table.append(row)
            elif (place := self._rng.randrange(count + 1)) < MOST_ROWS:
                self.table[place] = row
            if row.score is None:
                self.bad += 1
                continue
            self._scores.append(row.score)
            for sign, heap in self._ends.items():
                entry = (sign * row.score, -count, row)  # of equal scores the first ones are kept
                (heapq.heappush if len(heap) < SHOWN else heapq.heappushpop)(heap, entry)

    @property
    def good(self) -> int:
        """Rows with a score."""
        return len(self._scores)

    @property
    def mean(self) -> float:
        """Of the scores; NaN where there is none."""
        return float(np.mean(self._scores)) if self.good else float("nan")

    @property
    def best(self) -> list[Row]:
        """The highest scores, the best first."""
        return [row for *_, row in sorted(self._ends[1], reverse=True)]

    @property
    def worst(self) -> list[Row]:
        """The lowest scores, the worst first."""
        return [row for *_, row in sorted(self._ends[-1], reverse=True)]

    def histogram(self) -> tuple[np.ndarray, np.ndarray]:
        """(counts, edges) of the scores."""
        scores = np.asarray(self._scores)
        if not self.good:
            return np.zeros(1, int), np.arange(2.0)
        low, high = float(scores.min()), float(scores.max())
        return np.histogram(scores, np.linspace(low, high if high > low else low + 1, BINS + 1))


def write_report(
    path: Path,
    summary: Summary,
    spec: ModelSpec,
    coverage: float = COVERAGE,
    videos: Sequence[VideoSummary] = (),
) -> None:
    """Write the page.

    Args:
        path: of the HTML file.
        summary: of all rows.
        spec: of the model that scored.
        coverage: of its intervals, if it has any.
        videos: each with a plot over its time and its worst seconds.

    Raises:
        ConfigError: jinja2 or plotly is not installed.
    """
    template = open_template("report.html")
    plotly = require("plotly.offline", "--report", "plotly")
    parent = path.resolve().parent
    counts, edges = summary.histogram()
    facts = {
        "scores": counts.tolist(),
        "edges": [round(float(edge), 6) for edge in edges],
        "rows": [_table_row(row, parent) for row in summary.table],
    }
    text = template.render(
        spec=spec,
        meaning=_meaning(spec) + _about_intervals(spec, coverage),
        summary=summary,
        total=summary.good + summary.bad,
        videos=_sections(videos, parent),
        ends=[("Best", _cards(summary.best, parent)), ("Worst", _cards(summary.worst, parent))],
        facts=_script_safe(facts),
        plotly=plotly.get_plotlyjs(),
    )
    write_text(path, text.encode(errors="replace").decode())


def _meaning(spec: ModelSpec) -> str:
    if spec.scale:
        return f"Scores are {scale_in_words(spec)}; higher is better."
    if spec.num_classes > 1:
        return f"Scores are expected ratings in 1..{spec.num_classes}, higher is better."
    if spec.score_range:
        low, high = spec.score_range
        return f"Higher is better; the validation scores of this model went from {low:.3f} to {high:.3f}."
    return "Higher is better; the scale of this model has no fixed ends."


def _about_intervals(spec: ModelSpec, coverage: float) -> str:
    if spec.interval is None:
        return ""
    return f" Labels of such images lie from low to high in {coverage:.0%} of the cases."


def _script_safe(value: Any) -> str:
    """JSON that can stand inside <script>: a file may be called </script>."""
    return json.dumps(value).replace("<", "\\u003c").replace("&", "\\u0026")


def _table_row(row: Row, parent: Path) -> list[Any]:
    numbers = (row.score, row.percentile, row.std, row.low, row.high)
    *first, low, high = (None if value is None else round(value, 4) for value in numbers)
    link = link_to(row.path, parent, row.time)
    return [name_of(row), *first, row.width, row.height, row.error, link, row.reasons, low, high]


def _cards(rows: list[Row], parent: Path) -> list[dict[str, Any]]:
    cards = []
    for row in rows:
        data = thumbnail(row.path, (row.width or 0) * (row.height or 0), row.time)
        if data is None:
            continue
        name = ("" if row.time is None else f"{row.time:g} s, ") + one_line(Path(row.path).name)
        cards.append({"row": row, "title": name_of(row), "name": name, "data": data})
        cards[-1]["link"] = link_to(row.path, parent, row.time)
    return cards


def _sections(videos: Sequence[VideoSummary], parent: Path) -> list[dict[str, Any]]:
    """What the page shows of each video, those with the worst second first."""
    shown = sorted(videos, key=lambda video: video.lowest)[:MOST_VIDEOS]
    return [
        {"name": one_line(video.path), "plot": plot_of(video), "cards": _cards(video.worst, parent)}
        for video in shown
    ]
