"""The folder of one run: log file, resolved flags, metrics, TensorBoard events."""

import json
import logging
import math
import time
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from rankiqa.files import write_text
from rankiqa.terminal.log import add_file, remove
from utils.errors import ConfigError

# the bins of TensorBoard reach to 1e20, and values outside of all of them are an error there
HISTOGRAM_END = 9e19


class RunLog:
    """Writes into `logs/<run>/`; with `active=False`, in the processes that are not the first, nothing.

    Args:
        folder: the run's own folder, made by `new_run_folder`.
        active: whether this process writes.
        tensorboard: whether there will be events.
    """

    def __init__(self, folder: Path, *, active: bool = True, tensorboard: bool = False) -> None:
        self.folder, self._active = folder, active
        self._writer: Any = None
        self._handler: logging.Handler | None = None
        if active:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                self._handler = add_file(folder / "train.log" if tensorboard else folder / "run.log")
            except OSError as error:
                raise ConfigError(
                    f"--logdir {folder.parent}: no folder for logs ({error.strerror})"
                ) from error
        if active and tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(folder))

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            # after an error, which a full disk may be, another one would only hide it
            with suppress(OSError) if kind else nullcontext():
                self._writer.close()
        if self._handler is not None:
            remove(self._handler)

    def config(self, values: Mapping[str, Any]) -> None:
        """Write the resolved flags to config.yaml, in the form that `--config` reads."""
        if self._active:
            import yaml

            write_text(self.folder / "config.yaml", yaml.safe_dump(dict(values), sort_keys=False))

    def metrics(self, values: Mapping[str, Any]) -> None:
        """Write metrics.json; NaN, which JSON lacks, becomes null."""
        if self._active:
            write_text(self.folder / "metrics.json", json.dumps(_plain(values), indent=2) + "\n")

    def epoch(self, number: int, values: Mapping[str, Any]) -> None:
        """Add a line for epoch `number`, from 1, to metrics.jsonl, in place of one that a killed run left."""
        if not self._active:
            return
        path = self.folder / "metrics.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        kept = [line for line in lines if json.loads(line)["epoch"] < number]
        new = json.dumps(_plain({"epoch": number, **values}))
        write_text(path, "".join(f"{line}\n" for line in (*kept, new)))

    def step(self, step: int, metrics: Mapping[str, float]) -> None:
        """Log the metrics of a training step, and add them to TensorBoard."""
        words = [f"{name} {value:.4g}" for name, value in metrics.items()]
        logging.info("step %d: %s", step, ", ".join(words))
        self.scalars("train", metrics, step)

    def scalars(self, group: str, values: Mapping[str, float], step: int) -> None:
        """Add TensorBoard scalars `group/name`."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(f"{group}/{name}", value, step)

    def histogram(self, name: str, values: np.ndarray, step: int) -> None:
        """Add a TensorBoard histogram of the finite values of an array, those too large in its last bins."""
        if self._writer is not None:
            finite = np.clip(values[np.isfinite(values)], -HISTOGRAM_END, HISTOGRAM_END)
            if finite.size:
                self._writer.add_histogram(name, finite, step)

    def figure(self, name: str, figure: Any, step: int) -> None:
        """Add a Matplotlib figure to TensorBoard."""
        if self._writer is not None:
            self._writer.add_figure(name, figure, step)


def new_run_folder(logdir: Path, *words: str) -> Path:
    """A free path below `logdir` of words and time, such as train_resnet18_rank_20260131-120000."""
    stem = "_".join([*(word.replace("/", "_") for word in words), time.strftime("%Y%m%d-%H%M%S")])
    folder, number = logdir / stem, 1
    while folder.exists():
        number += 1
        folder = logdir / f"{stem}-{number}"
    return folder


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
