"""State of a run: what it needs to continue as if it had never stopped (docs/architecture.md)."""

import logging
from dataclasses import asdict, dataclass, field, fields
from itertools import count
from pathlib import Path
from typing import Any

from torch import nn

from applications.training.components import Components
from models.state import without_scales
from optim.optimizers import load_optimizer_state
from rankiqa.spec import ModelSpec
from utils.checkpoint import file_arch, load_checkpoint, save_checkpoint
from utils.distributed import Process, gather
from utils.errors import WeightsError
from utils.seeding import random_states, restore_random_states

# What fields of TrainState are called in checkpoints, since version 1.
IN_FILE = {"best_metrics": "best_figures", "world_size": "world"}


@dataclass
class TrainState:
    """State of a run between two steps.

    Attributes:
        epoch: the epoch in progress, from 0.
        step: steps done in it.
        trained: whether these are all of its steps; validation is what is left of it.
        loss_sum, rows: of the steps done in it, for the epoch's mean loss.
        best: `best_key` of the best model so far.
        best_metrics: its epoch and metrics.
        run_folder: where the run logs.
        world_size: processes that share the steps.
        rows_of: split -> digest of its label file, see `applications.setup.continuing`.
    """

    epoch: int = 0
    step: int = 0
    trained: bool = False
    loss_sum: float = 0.0
    rows: float = 0.0
    best: tuple[float, float] | None = None
    best_metrics: dict[str, float] = field(default_factory=dict)
    run_folder: str = ""
    world_size: int = 1
    rows_of: dict[str, str] = field(default_factory=dict)

    def next_epoch(self, key: tuple[float, float], metrics: dict[str, float]) -> "TrainState":
        """The state after the epoch in progress, whose model has this `best_key` and these metrics."""
        is_best = self.best is None or key > self.best
        return TrainState(
            epoch=self.epoch + 1,
            best=key if is_best else self.best,
            best_metrics={"epoch": self.epoch + 1, **metrics} if is_best else self.best_metrics,
            run_folder=self.run_folder,
            world_size=self.world_size,
            rows_of=self.rows_of,
        )

    @property
    def in_steps(self) -> bool:
        """Whether some steps of the epoch are done, and others are not."""
        return self.step > 0 and not self.trained

    @property
    def is_best(self) -> bool:
        """Whether the last epoch is the best so far."""
        return self.best_metrics.get("epoch") == self.epoch

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a checkpoint, by the names of the file."""
        return {IN_FILE.get(name, name): value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "TrainState":
        """The inverse of `to_dict`."""
        best = values.get("best")
        names = {item.name: IN_FILE.get(item.name, item.name) for item in fields(cls)}
        known = {name: values[held] for name, held in names.items() if held in values}
        return cls(**{**known, "best": tuple(best) if best is not None else None})


@dataclass(frozen=True)
class CheckpointWriter:
    """Writes checkpoint_{arch}.pth and model_best_{arch}.pth; those of another run are kept, see `_keep`.

    Attributes:
        folder: for both.
        flags: the resolved command line, kept in the files.
        active: whether this process writes.
        run: the folder in which the run logs, which tells its files from those of others.
    """

    folder: Path
    flags: dict[str, Any]
    active: bool
    run: str
    _own: set[Path] = field(default_factory=set)

    def path(self, kind: str, arch: str) -> Path:
        """Of the file that holds the latest ("checkpoint") or the best ("model_best") weights."""
        return self.folder / f"{kind}_{file_arch(arch)}.pth"

    def latest(self, network: nn.Module, spec: ModelSpec, components: Components, state: TrainState) -> None:
        """Everything, so that the run can continue; every process must call, for its random states."""
        states = gather(random_states(), components.process)
        if not self.active:
            return
        content = {
            "state_dict": network.state_dict(),
            "spec": spec.to_dict(),
            "optimizer": components.optimizer.state_dict(),
            "averaged": components.averages.state_dict(),
            "scaler": components.precision.state_dict(),
            "train_state": state.to_dict(),
            "random_states": states,
            "config": self.flags,
        }
        self._write(self.path("checkpoint", spec.arch), content)

    def best(self, network: nn.Module, spec: ModelSpec, metrics: dict[str, float]) -> None:
        """What evaluation, conversion and the next stage need."""
        if not self.active:
            return
        content = {
            "state_dict": without_scales(network.state_dict()),
            "spec": spec.to_dict(),
            "figures": metrics,
            "config": self.flags,
        }
        self._write(self.path("model_best", spec.arch), content)

    def _write(self, path: Path, content: dict[str, Any]) -> None:
        if path not in self._own:
            self._keep(path)
            self._own.add(path)
        save_checkpoint(path, {**content, "run": self.run})

    def _keep(self, path: Path) -> None:
        """Give another run's file, best weights or a run not finished, a free name, with a notice."""
        if not path.is_file():
            return
        try:
            held = load_checkpoint(path)
        except WeightsError:
            held = {}
        state, flags = held.get("train_state", {}), held.get("config", {})
        done = "epoch" in state and "epochs" in flags and state["epoch"] >= flags["epochs"]
        if done or held.get("run", state.get("run_folder")) == self.run:
            return
        names = (path.with_name(f"{path.stem}.{number}{path.suffix}") for number in count(1))
        kept = next(name for name in names if not name.exists())
        path.replace(kept)
        logging.warning("%s is of another run: kept as %s", path, kept.name)


def restore_components(checkpoint: dict[str, Any], components: Components) -> None:
    """Put the states of optimiser, averages and gradient scaler back into new components."""
    load_optimizer_state(components.optimizer, checkpoint["optimizer"])
    components.averages.load_state_dict(checkpoint.get("averaged"))
    scaler = components.precision.scaler
    scaler.load_state_dict(checkpoint.get("scaler") or scaler.state_dict())


def restore_process(checkpoint: dict[str, Any], process: Process) -> None:
    """Put this process's random states back, unless the run continues with another number of processes."""
    states = checkpoint["random_states"]
    if len(states) == process.world_size:
        restore_random_states(states[process.rank])
