"""Scoring of any number of images: lines on the terminal, a table, a page and maps."""

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rankiqa.batch.inputs import PathQueue, collect
from rankiqa.batch.journal import Journal
from rankiqa.batch.pipeline import score_paths
from rankiqa.batch.results import Counts, Row
from rankiqa.decoding.limits import MAX_PIXELS
from rankiqa.errors import ConfigError
from rankiqa.files import require_writable, writing
from rankiqa.machine import usable_cores
from rankiqa.optional import require
from rankiqa.report import Summary, write_report
from rankiqa.score import scale_in_words
from rankiqa.scorer import Scorer
from rankiqa.terminal.printable import one_line
from rankiqa.terminal.progress import progress_bar
from rankiqa.terminal.signals import StopSignals


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
        queue = collect(request.names)
        stack.callback(queue.close)
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
    return f"{model}: {spec.arch} by {scorer.engine.name}; score: higher is better, {scale_in_words(spec)}"


class _Run:
    def __init__(self, request: Request, queue: PathQueue, scorer: Scorer) -> None:
        self._request, self._queue, self._scorer = request, queue, scorer
        self._counts = Counts()
        self._summary = Summary() if request.report is not None else None
        self._journal: Journal | None = None

    def finish_or_stop(self, stack: ExitStack) -> int:
        if self._request.output is not None:
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
        )
        with StopSignals() as stop, progress_bar(total=len(self._queue), desc="score", unit="image") as bar:
            for group in rows:
                self._note(group)
                if self._journal:
                    with writing(self._journal.path):
                        self._journal.append(group)
                self._tell(group)
                if request.quality_map:
                    self._draw_maps(group, request.quality_map)
                bar.update(len(group))
                if stop.requested:
                    return True
        return False

    def _note(self, rows: Sequence[Row]) -> None:
        self._counts.add(rows)
        if self._summary:
            self._summary.add(rows)

    def _leave_done_out(self, journal: Journal) -> None:
        def paths() -> Iterator[str]:
            for row in journal.rows():
                self._note([row])
                yield row.path

        before = len(self._queue)
        self._queue.leave_out(paths())
        logging.info("%d of %d images are done", before - len(self._queue), before)
        if self._counts.bad:
            logging.warning("%d rows from before have an error; they are not tried again", self._counts.bad)

    def _tell(self, group: Sequence[Row]) -> None:
        for row in group:
            if row.error:
                logging.error("%s", one_line(f"{row.path}: {row.error}"))
            elif self._request.output is None:
                share = "" if row.percentile is None else f"  better than {row.percentile:3.0f}%"
                spread = "" if row.std is None else f"  +- {row.std:.3f}"
                ends = "" if row.low is None else f"  {row.low:.4f} to {row.high:.4f}"
                reasons = f"  ({row.reasons})" if row.reasons else ""
                print(f"{row.score:9.4f}{ends}{spread}{share}  {one_line(row.path)}{reasons}")

    def _draw_maps(self, group: Sequence[Row], folder: Path) -> None:
        from rankiqa.quality_map import draw_map_of_file

        for row in group:
            if not row.error:
                with writing(folder):
                    draw_map_of_file(row.path, self._scorer, folder, self._request.max_pixels)

    def _finish(self) -> None:
        request = self._request
        if self._summary and request.report is not None:
            with writing(request.report):
                write_report(request.report, self._summary, self._scorer.spec)
            print(f"{request.report}: the page")
        if self._journal and request.output is not None:
            with writing(request.output):
                self._journal.finish()
            print(
                f"{request.output}: {self._counts.good} images scored, {self._counts.bad} could not be read"
            )
