"""Scoring by Ray Data: the same scorer, in actors on one machine or many."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deploy.inputs import collect
from deploy.optional import require
from utils.errors import ConfigError

BLOCK = 2000  # pictures of a file of the output: what a killed run has to do again
BATCH = 64  # pictures an actor takes at once


class ScoringActor:
    """One worker: holds a model, opened from its bytes, and scores batches of paths.

    Args:
        model: name of the file, and its parts by suffix, so that machines need no shared disk for it.
        engine: see `deploy.engines.load_scorer`.
        cores: of this actor.
    """

    def __init__(self, model: tuple[str, dict[str, bytes]], engine: str, cores: int) -> None:
        import tempfile

        from deploy.engines import load_scorer

        name, parts = model
        with tempfile.TemporaryDirectory() as folder:
            for suffix, content in parts.items():
                (Path(folder) / name).with_suffix(suffix).write_bytes(content)
            self._scorer = load_scorer(Path(folder) / name, threads=cores, engine=engine, streams=cores)
        self._cores = cores

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Columns of paths -> columns of rows."""
        from deploy.pipeline import score_paths

        forwards = self._cores if self._scorer.engine.name == "openvino" else 1
        paths = (str(path) for path in batch["path"])
        rows = [row for group in score_paths(paths, self._scorer, self._cores, forwards) for row in group]
        return _columns([asdict(row) for row in rows])


def _columns(rows: list[dict[str, Any]]) -> dict[str, Any]:
    import numpy as np

    columns: dict[str, Any] = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        if name in ("path", "error"):
            columns[name] = np.array([str(value) for value in values], dtype=object)
        else:  # a missing number is NaN: every block then has the same types
            columns[name] = np.array(
                [np.nan if value is None else value for value in values], dtype=np.float64
            )
    return columns


def score_on_cluster(
    arguments: list[str], model: Path, output: Path | None, address: str, engine: str
) -> int:
    """Score what the arguments name into a folder of Parquet files, one for each BLOCK of pictures.

    A file that is there is done and is left out, so that the same command goes on after a stop; a worker that
    dies has its pictures scored by another.

    Args:
        arguments: files, folders, patterns, lists, as for --predict; every machine must see them. URLs of
            object storage go by Ray's own readers and are not taken here.
        model: any model file.
        output: a folder.
        address: "ray" for this machine, "ray://HOST:PORT" for a cluster's client port, "ray:auto" for the
            cluster that this machine is part of.
        engine: for every actor.

    Returns:
        0, or 1 when some pictures could not be read.

    Raises:
        ConfigError: no --output, or Ray is not installed.
    """
    if output is None:
        raise ConfigError("--cluster needs --output FOLDER, for its Parquet files")
    ray = require("ray", "--cluster", "ray[data]")
    data = require("ray.data", "--cluster", "ray[data]")
    parquet = require("pyarrow.parquet", "--cluster", "pyarrow")
    _connect(ray, address)
    output.mkdir(parents=True, exist_ok=True)
    queue = collect(
        [str(Path(argument).resolve()) if Path(argument).exists() else argument for argument in arguments]
    )
    parts = {path.suffix: path.read_bytes() for path in {model, model.with_suffix(".bin")} if path.is_file()}
    shared = (model.name, parts)
    actors = max(1, int(ray.cluster_resources().get("CPU", 1)))
    done = bad = 0
    for paths in _blocks(queue):
        part = output / f"part-{_digest(paths)}.parquet"
        if not part.is_file():
            rows = (
                data.from_items([{"path": path} for path in paths], override_num_blocks=2 * actors)
                .map_batches(
                    ScoringActor,
                    fn_constructor_args=(shared, engine, 1),
                    batch_size=BATCH,
                    concurrency=(1, actors),
                    num_cpus=1,
                    max_restarts=-1,
                    max_task_retries=-1,
                )
                .to_pandas()
            )
            _write(parquet, rows, part)
        table = parquet.read_table(part, columns=["error"])
        bad += sum(bool(value) for value in table["error"].to_pylist())
        done += table.num_rows
    print(f"{output}: {done - bad} pictures scored, {bad} could not be read")
    return 1 if bad else 0


def _connect(ray: Any, address: str) -> None:
    where = None if address == "ray" else "auto" if address == "ray:auto" else address
    if where is not None and where != "auto" and not where.startswith("ray://"):
        raise ConfigError(f"--cluster {address}: write ray, ray:auto or ray://HOST:PORT")
    root = str(Path(__file__).resolve().parent.parent)
    # Workers import this project: by the same path on one machine, sent along to others.
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    environment: dict[str, Any] = {"env_vars": {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}}
    try:
        ray.init(where, runtime_env=environment, ignore_reinit_error=True, log_to_driver=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"--cluster {address}: no cluster answers there ({str(error).splitlines()[0]})"
        ) from error


def _blocks(paths: Any) -> Iterator[list[str]]:
    block: list[str] = []
    for path in paths:
        block.append(path)
        if len(block) == BLOCK:
            yield block
            block = []
    if block:
        yield block


def _digest(paths: list[str]) -> str:
    return hashlib.sha256("\n".join(paths).encode(errors="surrogateescape")).hexdigest()[:16]


def _write(parquet: Any, rows: Any, part: Path) -> None:
    """Sorted by path and written whole: workers finish in any order."""
    import pyarrow

    from utils.files import atomic_write

    rows = rows.sort_values("path", kind="stable").reset_index(drop=True)
    for name in ("width", "height"):
        rows[name] = rows[name].astype("Int32")
    with atomic_write(part) as file:
        parquet.write_table(pyarrow.Table.from_pandas(rows, preserve_index=False), file)
