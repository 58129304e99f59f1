"""A run of `rankiqa clean`: one pass over the images, then the table and the page."""

import glob
import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rankiqa.batch.inputs import PathQueue, collect
from rankiqa.batch.pipeline import score_decoded
from rankiqa.batch.results import rows_as_csv
from rankiqa.batch.storage import is_url
from rankiqa.clean.findings import FINDINGS, detail_of
from rankiqa.clean.judge import Judge, Judged
from rankiqa.clean.observe import observe, to_record
from rankiqa.clean.page import Examples, write_page
from rankiqa.clean.records import MEASURED, RecordLog, read_table
from rankiqa.decoding.limits import MAX_PIXELS
from rankiqa.errors import ConfigError, DataError
from rankiqa.files import atomic_write, require_writable, writing
from rankiqa.machine import usable_cores
from rankiqa.optional import require
from rankiqa.scorer import Scorer
from rankiqa.terminal.printable import one_line
from rankiqa.terminal.progress import progress_bar
from rankiqa.terminal.signals import StopSignals

_FIRST = ("path", "score", "percentile")
# What was measured of each image stands in the table, too, so that a later run can add to it.
COLUMNS = (*_FIRST, "findings", "duplicate_group", "better", *(n for n in MEASURED if n not in _FIRST))


@dataclass(frozen=True)
class CleanRequest:
    """What to look through and what to write.

    Attributes:
        names: as of `rankiqa.batch.inputs.collect`; a plain name must be there.
        output: a table: .csv.
        report: a page: .html.
        ignored: findings that are neither told nor counted.
        skip_done: add to `output`, or to an interrupted run, what is not in it.
        max_pixels: larger images are not decoded.
        threads: that decode and compute; None: all cores.
    """

    names: Sequence[str]
    output: Path | None = None
    report: Path | None = None
    ignored: frozenset[str] = frozenset()
    skip_done: bool = False
    max_pixels: int = MAX_PIXELS
    threads: int | None = None

    def check(self) -> None:
        """Find out before the long work, not after it, what would fail.

        Raises:
            ConfigError: a package that is not installed, or a place that can't be written to.
            DataError: a folder or file that is not there.
        """
        if self.skip_done and self.output is None:
            raise ConfigError("--skip_done needs --output FILE, whose rows say what is done")
        if self.output is not None:
            require_writable(self.output.parent, "--output", self.output.name)
        if self.report is not None:
            require("jinja2", "--report")
            require_writable(self.report.parent, "--report", self.report.name)
        for name in self.names:
            if name != "-" and not is_url(name) and not glob.has_magic(name) and not _is_there(name):
                raise DataError(f"{one_line(name)}: no such file or folder; name the folder to look through")


def _is_there(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # no file can have such a name
        return False


def clean(request: CleanRequest, open_scorer: Callable[[], Scorer]) -> int:
    """Look through what is asked for, and write table and page.

    Returns:
        The exit status: 0, also with findings; 130 when interrupted.

    Raises:
        RankIQAError: see `CleanRequest.check`; nothing to look through, or a disk that is full.
    """
    request.check()
    with ExitStack() as stack:
        queue = collect(request.names)
        stack.callback(queue.close)
        log = stack.enter_context(_open_log(request, stack))
        if request.skip_done:
            _leave_done_out(request, queue, log)
        scorer = open_scorer()
        if _is_stopped(request, queue, scorer, log):
            if request.output is not None:
                logging.warning("interrupted; --skip_done continues with %s", log.path)
            return 130
        _finish(request, Judge(log, scorer.spec, request.ignored))
        log.remove()
    return 0


def _open_log(request: CleanRequest, stack: ExitStack) -> RecordLog:
    output = request.output
    if output is None or (output.exists() and not output.is_file()):  # a device
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        return RecordLog(Path(folder) / "records")
    path = output.with_name(f"{output.name}.partial")
    if path.is_file() and not request.skip_done:
        logging.warning(
            "%s: the records of an interrupted run are removed; --skip_done continues with them", path
        )
    return RecordLog(path, request.skip_done)


def _leave_done_out(request: CleanRequest, queue: PathQueue, log: RecordLog) -> None:
    if not log.resumed and request.output is not None and request.output.is_file():
        with writing(log.path):
            log.append(read_table(request.output))
    before = len(queue)
    queue.leave_out(record.path for record in log)
    logging.warning("%d of %d images are done", before - len(queue), before)


def _is_stopped(request: CleanRequest, queue: PathQueue, scorer: Scorer, log: RecordLog) -> bool:
    """Measure and score the queue; whether the user stopped it."""
    decode = partial(observe, scorer=scorer, max_pixels=request.max_pixels)
    scored = score_decoded(queue, scorer, request.threads or usable_cores(), decode)
    with StopSignals() as stop, progress_bar(total=len(queue), desc="clean", unit="image") as bar:
        for group in scored:
            with writing(log.path):
                log.append(to_record(row, note) for row, note in group)
            bar.update(len(group))
            if stop.requested:
                return True
    return False


def _finish(request: CleanRequest, judge: Judge) -> None:
    examples = Examples(judge.duplicates)
    judged = examples.watch(judge.judge()) if request.report else judge.judge()
    if request.output is not None:
        with writing(request.output), atomic_write(request.output) as file:
            file.write(rows_as_csv([COLUMNS]).encode())
            for one in judged:
                file.write(rows_as_csv([_cells(one)]).encode("utf-8", "surrogateescape"))
    else:
        _tell(judged, aloud=request.report is None)
    if request.report is not None:
        with writing(request.report):
            write_page(request.report, judge, examples)
    for line in _summary(judge):
        print(line)
    for path, what in ((request.output, "the table"), (request.report, "the page")):
        if path is not None:
            print(f"{path}: {what}")


def _cells(judged: Judged) -> list[Any]:
    derived = {
        "findings": ";".join(judged.findings),
        "duplicate_group": judged.group or None,
        "better": judged.better,
    }
    return [derived[name] if name in derived else getattr(judged.record, name) for name in COLUMNS]


def _tell(judged: Iterable[Judged], aloud: bool) -> None:
    for one in judged:
        if aloud and one.findings:
            print(one_line(f"{one.record.path}: {', '.join(_in_words(one))}"))


def _in_words(judged: Judged) -> Iterator[str]:
    for name in judged.findings:
        detail = f"of {judged.better}" if name.endswith("_duplicate") else detail_of(name, judged.record)
        yield f"{name} ({detail})" if detail else name


def _summary(judge: Judge) -> Iterator[str]:
    yield f"{judge.total} images, {judge.clean} without a finding"
    for name, meaning in FINDINGS.items():
        if judge.counts[name]:
            yield f"{judge.counts[name]:>7}  {name}: {meaning}"
