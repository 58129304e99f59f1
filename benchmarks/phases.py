"""What a training command does with its time: python benchmarks/phases.py --train [flags of main.py].

Runs main.py's command with a clock around its parts. Wall and processor seconds of this process; parts that
lie in others ("  ") are counted there, too.
"""

import sys
import time

BEGAN = time.perf_counter(), time.process_time()

from functools import wraps  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

sys.path[0] = str(Path(__file__).resolve().parents[1])

PARTS = (  # module, attribute or class.method, name
    ("applications.train", "split_labels", "labels"),
    ("applications.train", "new_model", "network"),
    ("applications.train", "place_to_train", "network to the device"),
    ("applications.train", "build_training", "optimiser, loss, loader"),
    ("applications.train", "RunLog.__init__", "log folder, TensorBoard"),
    ("applications.training.epochs", "train_epoch", "training"),
    ("applications.training.loop", "_next_batch", "  waiting for batches"),
    ("applications.training.loop", "train_step", "  steps, as the CPU sees them"),
    ("applications.training.step_losses", "StepLosses.read", "  readings"),
    ("applications.training.validation", "Validator.__call__", "validation"),
    ("applications.training.validation", "predict_outputs", "  scoring"),
    ("applications.training.validation", "evaluate_logits", "  metrics"),
    ("applications.training.validation", "scatter", "  drawing"),
    ("applications.training.validation", "RunLog.figure", "  figure to TensorBoard"),
    ("applications.training.state", "CheckpointWriter.latest", "checkpoint"),
    ("applications.training.state", "CheckpointWriter.best", "best weights"),
)


def main() -> None:
    import importlib

    import torch  # noqa: F401

    spent: dict[str, list[float]] = {"import torch": [1, *_since(BEGAN)]}
    start = _now()
    import applications.train  # noqa: F401
    from main import main as command

    spent["other imports"] = [1, *_since(start)]
    for module, attribute, name in PARTS:
        owner: Any = importlib.import_module(module)
        *classes, last = attribute.split(".")
        for one in classes:
            owner = getattr(owner, one)
        if hasattr(owner, last):
            setattr(owner, last, _timed(getattr(owner, last), spent.setdefault(name, [0, 0.0, 0.0])))
    status = command(sys.argv[1:])
    print(f"{'phase':32} {'times':>6} {'wall s':>8} {'CPU s':>8}")
    for name, (times, wall, processor) in spent.items():
        print(f"{name:32} {times:6.0f} {wall:8.2f} {processor:8.2f}")
    top = [values for name, values in spent.items() if not name.startswith(" ")]
    total = _since(BEGAN)
    rest = [whole - sum(values[place + 1] for values in top) for place, whole in enumerate(total)]
    print(f"{'the rest':32} {'':6} {rest[0]:8.2f} {rest[1]:8.2f}")
    print(f"{'all':32} {'':6} {total[0]:8.2f} {total[1]:8.2f}")
    sys.exit(status)


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _since(start: tuple[float, float]) -> tuple[float, float]:
    now = _now()
    return now[0] - start[0], now[1] - start[1]


def _timed(function: Any, spent: list[float]) -> Any:
    @wraps(function)
    def timed(*given: Any, **named: Any) -> Any:
        start = _now()
        try:
            return function(*given, **named)
        finally:
            wall, processor = _since(start)
            spent[:] = spent[0] + 1, spent[1] + wall, spent[2] + processor

    return timed


if __name__ == "__main__":
    main()
