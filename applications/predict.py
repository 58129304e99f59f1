"""`--predict`: scores of images, as lines, as a file and as a page."""

import logging
from pathlib import Path

from applications.setup.scorer import describe, model_file, open_scorer
from config import Config
from deploy.engines import Scorer
from deploy.inputs import PathQueue, collect
from deploy.journal import Journal
from deploy.optional import require
from deploy.outputs import writing
from deploy.pipeline import score_paths
from deploy.results import Counts, Row
from utils.cores import usable_cores
from utils.files import require_writable
from utils.printable import one_line
from utils.progress import progress_bar
from utils.signals import StopSignals


def run(config: Config) -> int:
    """Score what the arguments name.

    Returns:
        0; 1 when a row of the whole output has an error or a folder could not be read; 130 when interrupted.
    """
    model = model_file(config)
    _prepare_outputs(config)
    if config.cluster:
        from deploy.cluster import score_on_cluster

        return score_on_cluster(
            config.predict or [],
            model,
            config.output,
            config.cluster,
            config.engine,
            config.full_decode,
            config.max_pixels,
        )
    queue = collect(config.predict or [])
    threads = config.threads or usable_cores()
    scorer = open_scorer(config, model, threads)
    logging.info("%s", describe(scorer, model))
    journal = _open_journal(config)
    try:
        return _score(config, queue, scorer, threads, journal)
    finally:
        queue.close()
        if journal:
            journal.close()
            if config.output is None:  # only --output has a run that resumes
                journal.path.unlink(missing_ok=True)


def _score(config: Config, queue: PathQueue, scorer: Scorer, threads: int, journal: Journal | None) -> int:
    counts = Counts()
    if config.skip_done and journal:
        _leave_done_out(queue, journal, counts)
    rows = score_paths(queue, scorer, threads, config.full_decode, config.max_pixels)
    with StopSignals() as stop, progress_bar(total=len(queue), desc="score", unit="image") as bar:
        for group in rows:
            counts.add(group)
            _put(group, journal, config)
            if config.quality_map:
                _draw_maps(group, scorer, config.quality_map, config.max_pixels)
            bar.update(len(group))
            if stop.requested:
                break
    if stop.requested:
        if journal and config.output is not None:
            logging.warning("interrupted; --skip_done goes on with %s", journal.path)
        return 130
    _finish(config, journal, scorer, counts)
    return 1 if counts.bad or queue.left_out.unread else 0


def _prepare_outputs(config: Config) -> None:
    """What the outputs need, before the long work and not after it."""
    if config.output is not None and config.output.suffix.lower() == ".parquet":
        require("pyarrow", f"--output {config.output}")
    if config.report is not None:
        for package in ("jinja2", "plotly"):
            require(package, "--report")
    if config.output is not None and not config.cluster:
        require_writable(config.output.parent, "--output", config.output.name)
    if config.report is not None:
        require_writable(config.report.parent, "--report", config.report.name)
    if config.quality_map is not None:
        require_writable(config.quality_map, "--quality_map")


def _open_journal(config: Config) -> Journal | None:
    if config.output is not None:
        return Journal(config.output, config.skip_done)
    if config.report is not None:  # the page needs the rows twice
        return Journal(config.report.with_suffix(".jsonl"))
    return None


def _leave_done_out(queue: PathQueue, journal: Journal, counts: Counts) -> None:
    before = len(queue)
    queue.leave_out(counts.paths_of(journal.rows()))
    logging.info("%d of %d images are done", before - len(queue), before)
    if counts.bad:
        logging.warning("%d rows from before have an error; they are not tried again", counts.bad)


def _put(group: list[Row], journal: Journal | None, config: Config) -> None:
    if journal:
        with writing(journal.path):
            journal.append(group)
    for row in group:
        if row.error:
            logging.error("%s", one_line(f"{row.path}: {row.error}"))
        elif config.output is None:
            share = "" if row.percentile is None else f"  better than {row.percentile:3.0f}%"
            spread = "" if row.std is None else f"  +- {row.std:.3f}"
            print(f"{row.score:9.4f}{spread}{share}  {one_line(row.path)}")


def _draw_maps(group: list[Row], scorer: Scorer, folder: Path, max_pixels: int) -> None:
    from deploy.quality_map import draw_map_of_file

    for row in group:
        if not row.error:
            with writing(folder):
                draw_map_of_file(row.path, scorer, folder, max_pixels)


def _finish(config: Config, journal: Journal | None, scorer: Scorer, counts: Counts) -> None:
    if journal and config.report is not None:
        from deploy.report import write_report

        with writing(config.report):
            write_report(config.report, journal.rows, scorer.spec)
        print(f"{config.report}: the page")
    if journal and config.output is not None:
        with writing(config.output):
            journal.finish()
        print(f"{config.output}: {counts.good} images scored, {counts.bad} could not be read")
