"""Scoring by Ray Data: the same scorer, in actors on one machine or many."""

import hashlib
import logging
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from deploy.formats import parts_of
from rankiqa.batch.inputs import collect
from rankiqa.batch.part_files import outcomes, parts_in, require_same_model
from rankiqa.batch.results import Counts, Row, from_line, to_line, write_rows
from rankiqa.decoding.limits import MAX_PIXELS
from rankiqa.files import require_writable, writing
from rankiqa.optional import require
from rankiqa.terminal.progress import progress_bar
from utils.errors import ConfigError

PART = 2000  # images of a file of the output: what a run that ends in the middle does again
PIECE = 50  # images that an actor takes at once: what a dead worker's successor does again
WAVE = 250  # parts that are handed to Ray together; actors start anew for the next half million images
CONNECTIONS = 4  # to a client port, which gives up after 30 s if a busy head takes longer to start a server
SLOW_START = "Initialization failure from server"  # how it says so
CLIENT_WAVE = 10  # the same through a client port, where a wave's rows come together


class ScoringActor:
    """One worker: holds a model, opened from its bytes, and scores pieces of parts.

    Args:
        model: name of the file, and its parts by suffix, so that machines need no shared disk for it.
        engine: see `deploy.engines.load_scorer`.
        cores: of this actor.
        full_decode, max_pixels: see `score_paths`.
    """

    def __init__(
        self,
        model: tuple[str, dict[str, bytes]],
        engine: str,
        cores: int,
        full_decode: bool,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        import tempfile

        from deploy.engines import load_scorer

        name, parts = model
        with tempfile.TemporaryDirectory() as folder:
            for suffix, content in parts.items():
                (Path(folder) / name).with_suffix(suffix).write_bytes(content)
            self._scorer = load_scorer(Path(folder) / name, threads=cores, engine=engine)
        self._cores, self._decoding = cores, (full_decode, max_pixels)

    def __call__(self, piece: dict[str, Any]) -> dict[str, Any]:
        """A part's name and some of its paths -> the name and their rows, as lines of JSON."""
        from rankiqa.batch.pipeline import score_paths

        paths = (os.fsdecode(path) for path in piece["paths"].split(b"\0"))
        rows = chain.from_iterable(score_paths(paths, self._scorer, self._cores, *self._decoding))
        return {"part": piece["part"], "rows": "".join(map(to_line, rows))}


def score_on_cluster(
    arguments: list[str],
    model: Path,
    output: Path | None,
    address: str,
    engine: str,
    full_decode: bool,
    max_pixels: int = MAX_PIXELS,
) -> int:
    """Score what the arguments name into a folder of Parquet files, one for each PART of images.

    Images with a row in the folder are left out, so that the same command continues after a stop, and takes
    up what is new; a worker that dies has its images scored by another.

    Args:
        arguments: files, folders, patterns, lists and URLs, as for --predict; every machine must see them.
        model: any model file.
        output: a folder of this machine.
        address: "ray" for this machine, "ray://HOST:PORT" for a cluster's client port, "ray:auto" for the
            cluster that this machine is part of.
        engine: for every actor.
        full_decode, max_pixels: see `score_paths`.

    Returns:
        0, or 1 when a row of the folder has an error or a folder of images could not be read.

    Raises:
        ConfigError: no --output, or one that can't be written or holds another model's scores; no Ray.
    """
    if output is None:
        raise ConfigError("--cluster needs --output FOLDER, for its Parquet files")
    ray = require("ray", "--cluster", "ray[data]")
    require("pyarrow.parquet", "--cluster", "pyarrow")
    files = {path.suffix: path.read_bytes() for path in parts_of(model) if path.is_file()}
    require_writable(output, "--output")
    output.mkdir(parents=True, exist_ok=True)
    require_same_model(output, model.name, files, full_decode)
    _connect(ray, address)
    queue = collect(arguments, absolute=True)
    before, counts = len(queue), Counts()
    queue.leave_out(counts.paths_of(chain.from_iterable(map(outcomes, parts_in(output)))))
    logging.info("%d of %d images are done", before - len(queue), before)
    actor = ((model.name, files), engine, 1, full_decode, max_pixels)
    with progress_bar(total=len(queue), desc="score", unit="image") as bar:
        for part in _finished_parts(queue, output, actor, ray):
            rows = list(outcomes(part))
            counts.add(rows)
            bar.update(len(rows))
    queue.close()
    print(f"{output}: {counts.good} images scored, {counts.bad} could not be read")
    return 1 if counts.bad or queue.left_out.unread else 0


def _finished_parts(paths: Iterable[str], output: Path, actor: tuple[Any, ...], ray: Any) -> Iterator[Path]:
    """The files of all parts, as they are finished."""
    parts = _chunks(paths, PART)
    by_client = ray.util.client.ray.is_connected()
    while wave := list(islice(parts, CLIENT_WAVE if by_client else WAVE)):
        todo = {output / f"part-{_digest(part)}.parquet": part for part in wave}
        yield from _score_parts(todo, actor, ray, by_client)


def _score_parts(
    todo: dict[Path, list[str]], actor: tuple[Any, ...], ray: Any, by_client: bool
) -> Iterator[Path]:
    """Score parts and write each when its last piece has come; pieces come in any order."""
    pieces = [
        {"part": str(path), "paths": b"\0".join(map(os.fsencode, piece))}
        for path, part in todo.items()
        for piece in _chunks(part, PIECE)
    ]
    actors = max(1, int(ray.cluster_resources().get("CPU", 1)))
    scored: Iterable[dict[str, str]] = _score_pieces(pieces, actor, actors)
    if by_client:
        # Ray Data can't be driven through a client port: a task on the cluster drives it, and answers whole.
        task = ray.remote(num_cpus=0)(lambda *given: list(_score_pieces(*given)))
        scored = ray.get(task.remote(pieces, actor, actors))
    rows: dict[Path, list[Row]] = defaultdict(list)
    for piece in scored:
        path = Path(piece["part"])
        rows[path] += map(from_line, piece["rows"].splitlines())
        if len(rows[path]) == len(todo[path]):
            with writing(path):
                write_rows(path, sorted(rows.pop(path), key=lambda row: row.path))
            yield path


def _score_pieces(
    pieces: list[dict[str, Any]], actor: tuple[Any, ...], actors: int
) -> Iterator[dict[str, str]]:
    """What the actors give, piece by piece."""
    scored = require("ray.data", "--cluster", "ray[data]").from_items(
        pieces, override_num_blocks=len(pieces)
    ).map(
        ScoringActor,
        fn_constructor_args=actor,
        concurrency=(1, actors),
        num_cpus=1,
        max_restarts=-1,
        max_task_retries=-1,
    )  # fmt: skip
    yield from scored.iter_rows()


def _connect(ray: Any, address: str) -> None:
    where = None if address == "ray" else "auto" if address == "ray:auto" else address
    if where is not None and where != "auto" and not where.startswith("ray://"):
        raise ConfigError(f"--cluster {address}: write ray, ray:auto or ray://HOST:PORT")
    root = str(Path(__file__).resolve().parent.parent)
    # Workers import this project: by the same path on one machine, sent along to others.
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    environment: dict[str, Any] = {"env_vars": {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}}
    for tries_left in reversed(range(CONNECTIONS)):
        try:
            ray.init(where, runtime_env=environment, ignore_reinit_error=True, log_to_driver=False)
            return
        except (ConnectionError, RuntimeError, ValueError) as error:
            if SLOW_START not in str(error) or not tries_left:
                reason = str(error).splitlines()[0]
                raise ConfigError(f"--cluster {address}: no cluster answers there ({reason})") from error


def _chunks(paths: Iterable[str], size: int) -> Iterator[list[str]]:
    source = iter(paths)
    while chunk := list(islice(source, size)):
        yield chunk


def _digest(paths: list[str]) -> str:
    return hashlib.sha256("\n".join(paths).encode(errors="surrogateescape")).hexdigest()[:16]
