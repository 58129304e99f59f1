"""Seeds and random states."""

import random
from typing import Any

import numpy as np
import torch


def seed_everything(seed: int, deterministic: bool = False) -> None:
    """Seed Python, NumPy and torch; `deterministic` also picks kernels that repeat bit for bit."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002  # libraries may draw from the global generator
    torch.manual_seed(seed)
    if deterministic:
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.benchmark = False


def random_states() -> dict[str, Any]:
    """The states of all generators that `seed_everything` seeds, fit for `torch.load(weights_only=True)`."""
    numpy = np.random.get_state(legacy=False)  # noqa: NPY002  # see seed_everything
    numpy["state"]["key"] = torch.from_numpy(numpy["state"]["key"].astype(np.int64))
    states: dict[str, Any] = {
        "cpu": torch.get_rng_state(),
        "numpy": numpy,
        "python": random.getstate(),
    }
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def restore_random_states(states: dict[str, Any]) -> None:
    """The inverse of `random_states`; earlier checkpoints have the states of torch's generators alone."""
    torch.set_rng_state(states["cpu"])
    if "numpy" in states:
        inner = states["numpy"]["state"]
        key = inner["key"].numpy().astype(np.uint32)
        np.random.set_state({**states["numpy"], "state": {**inner, "key": key}})  # noqa: NPY002
        random.setstate(states["python"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
