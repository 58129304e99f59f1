"""The loss of each task by name."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from torch import nn

from rankiqa.spec import HINGE

Loss = TypeVar("Loss", bound=type[nn.Module])


class Entry(NamedTuple):
    """A loss, and the names of the flags that are parameters of its class."""

    loss: type[nn.Module]
    flags: tuple[str, ...]


LOSSES: dict[str, Entry] = {}


def register(task: str, *flags: str) -> Callable[[Loss], Loss]:
    """Register the decorated class as the loss of `task`.

    Its instances are called as `criterion(logits (M, N), pair_index (R, 2 or 1), targets)` -> scalar, where
    `pair_index` says which of the M images of a batch belong to each of its R rows.

    Args:
        task: a value of --criterion, or rank/NAME for a further value of --rank_loss.
        flags: parameters of the class that are flags of the same names, and have defaults.

    Raises:
        ValueError: the task has a loss already.
    """

    def add(loss: Loss) -> Loss:
        if task in LOSSES:
            raise ValueError(f"the task {task} has a loss already, {LOSSES[task].loss.__name__}")
        LOSSES[task] = Entry(loss, flags)
        return loss

    return add


def objective_flags() -> list[str]:
    """Names of the flags that `create_criterion` takes."""
    return sorted({"rank_loss"}.union(*(entry.flags for entry in LOSSES.values())))


def create_criterion(task: str, rank_loss: str = HINGE, **options: Any) -> nn.Module:
    """The loss of `task`; see `register`.

    Args:
        task: "rank", "emd" or "regress".
        rank_loss: which of those of rank.
        options: values of `objective_flags`; those of other losses are ignored.
    """
    own = task if task != "rank" or rank_loss == HINGE else f"{task}/{rank_loss}"
    loss, flags = LOSSES[own]
    return loss(**{name: value for name, value in options.items() if name in flags})
