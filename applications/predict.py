"""`--predict`: scores of pictures, as lines, as a file and as a page."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from applications.model_setup import trained_model
from config import Config
from deploy import names
from deploy.engines import Scorer, load_scorer
from deploy.engines.loading import choose_engine, engine_of_module
from deploy.exporting import export_module
from deploy.inputs import collect
from deploy.journal import Journal
from deploy.optional import require
from deploy.pipeline import score_paths
from deploy.results import Row
from utils.checkpoint import find_file
from utils.cores import usable_cores
from utils.distributed import choose_device
from utils.errors import WeightsError
from utils.progress import progress_bar
from utils.signals import StopSignals


def run(config: Config) -> int:
    """Score what the arguments name; 0, or 1 when some pictures could not be scored, 130 when interrupted."""
    model = model_file(config)
    _require_packages(config)
    if config.cluster:
        from deploy.cluster import score_on_cluster

        return score_on_cluster(config.predict or [], model, config.output, config.cluster, config.engine)
    queue = collect(config.predict or [])
    threads = config.threads or usable_cores()
    scorer = open_scorer(config, model, threads)
    logging.info("%s", describe(scorer, model))
    journal = _open_journal(config)
    if config.skip_done and journal:
        before = len(queue)
        queue.leave_out(row.path for row in journal.rows())
        logging.info("%d of %d pictures are done", before - len(queue), before)
    forwards = threads if scorer.engine.name == "openvino" else 1
    rows = score_paths(queue, scorer, threads, forwards, config.full_decode)
    counts = _Counts()
    with StopSignals() as stop, progress_bar(total=len(queue), desc="score", unit="picture") as bar:
        for group in counts.of(rows):
            _put(group, journal, config)
            if config.quality_map:
                _draw_maps(group, scorer, config.quality_map)
            bar.update(len(group))
            if stop.requested:
                break
    queue.close()
    if stop.requested:
        if journal:
            journal.close()
            logging.warning("interrupted; --skip_done goes on with %s", journal.path)
        return 130
    _finish(config, journal, scorer, counts)
    return 1 if counts.bad else 0


def model_file(config: Config) -> Path:
    """The file of --resume, or the default model.

    Raises:
        WeightsError: there is none; the message says how to get one.
    """
    if config.resume is not None:
        return find_file(config.resume)
    if names.DEFAULT_MODEL.is_file():
        return names.DEFAULT_MODEL
    raise WeightsError(names.no_default_model("--predict PATH --resume"))


def open_scorer(config: Config, model: Path, threads: int) -> Scorer:
    """The scorer of --resume by --engine; flags may override the view of a checkpoint, with a notice."""
    device = choose_device(config.cuda, config.gpus)[0] if config.engine in ("auto", "torch") else "cpu"
    if model.suffix != ".pth":
        return load_scorer(model, device, threads, config.engine, streams=threads)
    kind = choose_engine(model, device, config.engine)
    network, spec, _ = trained_model(replace(config, resume=model))
    module = export_module(network, spec).to(device)
    if kind == "torch":
        import torch

        torch.set_num_threads(threads)
    return Scorer(engine_of_module(module, spec, device, threads, kind, threads), spec)


def describe(scorer: Scorer, model: Path) -> str:
    """One line on the model, its engine, and what its scores mean."""
    spec = scorer.spec
    if spec.num_classes > 1:
        scale = f"in 1..{spec.num_classes}"
    elif spec.score_range:
        scale = f"{spec.score_range[0]:.3f} to {spec.score_range[1]:.3f} in validation"
    else:
        scale = "no fixed scale"
    return f"{model}: {spec.arch} by {scorer.engine.name}; score: higher is better, {scale}"


class _Counts:
    """Counts rows that pass."""

    def __init__(self) -> None:
        self.good = self.bad = 0

    def of(self, groups: Iterable[list[Row]]) -> Iterator[list[Row]]:
        for group in groups:
            bad = sum(bool(row.error) for row in group)
            self.good, self.bad = self.good + len(group) - bad, self.bad + bad
            yield group


def _require_packages(config: Config) -> None:
    """What the outputs need, before the long work and not after it."""
    if config.output is not None and config.output.suffix.lower() == ".parquet":
        require("pyarrow", f"--output {config.output}")
    if config.report is not None:
        for package in ("jinja2", "plotly"):
            require(package, "--report")


def _open_journal(config: Config) -> Journal | None:
    if config.output is not None:
        return Journal(config.output, config.skip_done)
    if config.report is not None:  # the page needs the rows twice
        return Journal(config.report.with_suffix(".jsonl"))
    return None


def _put(group: list[Row], journal: Journal | None, config: Config) -> None:
    if journal:
        journal.append(group)
    for row in group:
        if row.error:
            logging.error("%s: %s", row.path, row.error)
        elif config.output is None:
            share = "" if row.percentile is None else f"  better than {row.percentile:3.0f}%"
            spread = "" if row.std is None else f"  +- {row.std:.3f}"
            print(f"{row.score:9.4f}{spread}{share}  {row.path}")


def _draw_maps(group: list[Row], scorer: Scorer, folder: Path) -> None:
    from deploy.quality_map import draw_map_of_file

    for row in group:
        if not row.error:
            draw_map_of_file(row.path, scorer, folder)


def _finish(config: Config, journal: Journal | None, scorer: Scorer, counts: Any) -> None:
    if journal and config.report is not None:
        from deploy.report import write_report

        write_report(config.report, journal.rows, scorer.spec)
        print(f"{config.report}: the page")
    if journal and config.output is not None:
        journal.finish()
        print(f"{config.output}: {counts.good} pictures scored, {counts.bad} could not be read")
    elif journal:
        journal.close()
        journal.path.unlink()
