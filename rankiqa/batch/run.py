"""Scoring of any number of images: lines on the terminal, a table, a page and maps."""

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rankiqa.batch.inputs import PathQueue, collect
from rankiqa.batch.pipeline import score_paths
from rankiqa.batch.results import Counts, Row, name_of
from rankiqa.decoding.limits import MAX_PIXELS
from rankiqa.errors import ConfigError
from rankiqa.files import require_writable, writing
from rankiqa.machine import usable_cores
from rankiqa.optional import require
from rankiqa.score import scale_in_words
from rankiqa.scorer import Scorer
from rankiqa.terminal.printable import one_line
from rankiqa.terminal.progress import progress_bar
from rankiqa.terminal.signals import StopSignals
from rankiqa.video.sampling import Step
from rankiqa.video.source import Place, VideoSource
from rankiqa.video.summary import VideoSummary, note_rows

if TYPE_CHECKING:
    from rankiqa.batch.journal import Journal
    from rankiqa.report import Summary


@dataclass(frozen=True)
class Request:
    """What to score and what to write.

    Attributes:
        names: files, folders, patterns, lists, URLs or "-"; see `rankiqa.batch.inputs.collect`.
        output: a table: .csv, .jsonl or .parquet.
        report: a page: .html.
        quality_map: a folder for a map of each image.
        skip_done: add to the rows of `output`, or of an interrupted run, what is not in them.
        full_decode: never decode at a reduced scale.
        max_pixels: larger images get an error.
        threads: that decode and compute; None: all cores.
        only_rows: where rows go to standard output, nothing else does.
        every: distance between scored frames of videos; None: a video is no image.
        videos_in_folders: take the videos of folders, patterns and URLs, too.
        plot: an SVG file of the scores of videos over time.
    """

    names: Sequence[str]
    output: Path | None = None
    report: Path | None = None
    quality_map: Path | None = None
    skip_done: bool = False
    full_decode: bool = False
    max_pixels: int = MAX_PIXELS
    threads: int | None = None
    only_rows: bool = False
    every: Step | None = None
    videos_in_folders: bool = False
    plot: Path | None = None

    def prepare_outputs(self) -> None:
        """Find out before the long work, not after it, what the outputs need.

        Raises:
            ConfigError: a package that is not installed, or a place that can't be written to.
        """
        if self.skip_done and self.output is None:
            raise ConfigError("--skip_done needs --output FILE, whose rows say what is done")
        if self.output is not None:
            if self.output.suffix.lower() == ".parquet":
                require("pyarrow", f"--output {self.output}")
            require_writable(self.output.parent, "--output", self.output.name)
        if self.report is not None:
            for package in ("jinja2", "plotly"):
                require(package, "--report")
            require_writable(self.report.parent, "--report", self.report.name)
        if self.quality_map is not None:
            require("matplotlib", "--quality_map")
            require_writable(self.quality_map, "--quality_map")
        if self.plot is not None:
            require_writable(self.plot.parent, "--plot", self.plot.name)


def score_request(request: Request, open_scorer: Callable[[int], tuple[Scorer, Path]]) -> int:
    """Score what is asked for.

    Args:
        request: what, and what to write.
        open_scorer: gives the scorer and its model file; takes the number of images.

    Returns:
        The exit status: 0; 1 when a row of the whole output has an error or a folder could not be read; 130
        when interrupted.

    Raises:
        DataError: nothing to score, or a disk that is full.
    """
    request.prepare_outputs()
    with ExitStack() as stack:
        queue = collect(request.names, videos=request.videos_in_folders)
        stack.callback(queue.close)
        if request.every and queue.left_out.counts["video"]:
            logging.warning("--every %s takes the videos of folders, too", request.every)
        scorer, model = open_scorer(len(queue))
        if request.only_rows and _goes_to_stdout(request.output):
            print(describe(scorer, model), file=sys.stderr)
        else:
            logging.info("%s", describe(scorer, model))
        return _Run(request, queue, scorer).finish_or_stop(stack)


def _goes_to_stdout(output: Path | None) -> bool:
    if output is None:
        return True
    try:
        return os.path.samestat(output.stat(), os.fstat(1))
    except OSError:
        return False


def describe(scorer: Scorer, model: Path) -> str:
    """One line on the model, its engine, and what its scores mean."""
    spec = scorer.spec
    ends = f"; from low to high: {scorer.coverage:.0%} of labels" if spec.interval else ""
    return (
        f"{model}: {spec.arch} by {scorer.engine.name}; score: higher is better, {scale_in_words(spec)}{ends}"
    )


def _summary_of(request: Request) -> "Summary | None":
    if request.report is None:
        return None
    from rankiqa.report import Summary

    return Summary()


class _Run:
    def __init__(self, request: Request, queue: PathQueue, scorer: Scorer) -> None:
        self._request, self._queue, self._scorer = request, queue, scorer
        self._counts = Counts()
        self._summary = _summary_of(request)
        self._journal: Journal | None = None
        self._videos: dict[str, VideoSummary] = {}
        self._source = (
            VideoSource(scorer.view, request.every, request.max_pixels, request.threads)
            if request.every
            else None
        )

    def finish_or_stop(self, stack: ExitStack) -> int:
        if self._request.output is not None:
            from rankiqa.batch.journal import Journal

            self._journal = Journal(self._request.output, self._request.skip_done)
            stack.callback(self._journal.close)
            if self._request.skip_done:
                self._leave_done_out(self._journal)
        if self._is_stopped():
            if self._journal:
                logging.warning("interrupted; --skip_done continues with %s", self._journal.path)
            return 130
        self._finish()
        return 1 if self._counts.bad or self._queue.left_out.unread else 0

    def _is_stopped(self) -> bool:
        """Score the queue; whether the user stopped it."""
        request = self._request
        rows = score_paths(
            self._queue,
            self._scorer,
            request.threads or usable_cores(),
            request.full_decode,
            request.max_pixels,
            self._source.frames if self._source else None,
        )
        with StopSignals() as stop, progress_bar(total=len(self._queue), desc="score", unit="image") as bar:
            place = Place(self._source.lengths if self._source else {})
            for group in rows:
                self._note(group)
                if self._journal:
                    with writing(self._journal.path):
                        self._journal.append(group)
                self._tell(group)
                if request.quality_map:
                    self._draw_maps(group, request.quality_map)
                bar.update(place.after(group) - bar.n)
                if stop.requested:
                    if self._source:
                        self._source.stop()
                    return True
        return False

    def _note(self, rows: Sequence[Row]) -> None:
        self._counts.add(rows)
        note_rows(self._videos, rows)
        if self._summary:
            self._summary.add(rows)

    def _leave_done_out(self, journal: "Journal") -> None:
        def paths() -> Iterator[str]:
            for row in journal.rows():
                self._note([row])
                if self._source is None or self._source.note_done(row):
                    yield row.path

        before = len(self._queue)
        self._queue.leave_out(paths())
        logging.info("%d of %d images are done", before - len(self._queue), before)
        if self._counts.bad:
            logging.warning("%d rows from before have an error; they are not tried again", self._counts.bad)

    def _tell(self, group: Sequence[Row]) -> None:
        for row in group:
            if row.error:
                logging.error("%s: %s", name_of(row), one_line(row.error))
            elif self._request.output is None:
                share = "" if row.percentile is None else f"  better than {row.percentile:3.0f}%"
                spread = "" if row.std is None else f"  +- {row.std:.3f}"
                ends = "" if row.low is None else f"  {row.low:.4f} to {row.high:.4f}"
                reasons = f"  ({row.reasons})" if row.reasons else ""
                print(f"{row.score:9.4f}{ends}{spread}{share}  {name_of(row)}{reasons}")

    def _draw_maps(self, group: Sequence[Row], folder: Path) -> None:
        from rankiqa.quality_map import draw_map_of_file

        for row in group:
            if not row.error:
                with writing(folder):
                    draw_map_of_file(row.path, self._scorer, folder, self._request.max_pixels, row.time)

    def _finish(self) -> None:
        request = self._request
        videos = [video for video in self._videos.values() if video.scores]
        to_stderr = request.only_rows and _goes_to_stdout(request.output)
        for video in videos:
            print(video, file=sys.stderr if to_stderr else sys.stdout)
        if request.plot is not None:
            from rankiqa.video.plot import write_plot

            with writing(request.plot):
                write_plot(request.plot, videos)
            print(f"{request.plot}: the plot", file=sys.stderr if to_stderr else sys.stdout)
        if self._summary and request.report is not None:
            from rankiqa.report import write_report

            with writing(request.report):
                write_report(request.report, self._summary, self._scorer.spec, self._scorer.coverage, videos)
            print(f"{request.report}: the page")
        if self._journal and request.output is not None:
            with writing(request.output):
                self._journal.finish()
            print(
                f"{request.output}: {self._counts.good} images scored, {self._counts.bad} could not be read"
            )
