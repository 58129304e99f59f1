"""`--train --folds K`: K trainings and tests over the scenes of all splits, then mean and deviation.

Each fold is a run of its own in CHECKPOINT_DIR/fold_k, k = 1..K: it tests on part k of the scenes, validates
on the next part and trains on the others. The same command again skips folds that are done and continues
one that was interrupted.
"""

import json
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from applications.evaluation.tables import fold_table
from applications.setup.continuing import FREE, flags_of
from applications.setup.fold_data import PARTS, cut, gather_sets, write_fold
from config import Config
from models import canonical_arch
from rankiqa.files import require_writable, write_text
from utils.checkpoint import file_arch
from utils.errors import ConfigError
from utils.run_log import RunLog, new_run_folder

PLAN, RESULT = "folds.json", "result.json"


def run(config: Config, run_action: Callable[[Config], int]) -> int:
    """Train and test each fold that is not done; writes metrics.json; 0, or 130 after an interrupt.

    Args:
        config: of the command line.
        run_action: does what another Config asks for, here --train and -e.
    """
    if config.nodes > 1 or int(os.environ.get("WORLD_SIZE", 1)) > 1:
        raise ConfigError("--folds runs on one machine, without torchrun; it uses all of its GPUs")
    require_writable(config.checkpoint_dir, "--checkpoint_dir")
    require_writable(config.logdir, "--logdir")
    count = config.folds or 0
    sets = gather_sets(config)
    part = {name: cut(rows, count, config.seed, name) for name, rows in sets.items()}
    parts: list[list[str]] = [[] for _ in range(count)]
    for name, rows in sets.items():
        for row in rows:
            parts[part[name][row.scenes[0]]].append(row.images[0])
    _check_plan(config, parts)
    metrics = []
    for number in range(count):
        folder = config.checkpoint_dir / f"fold_{number + 1}"
        if not (folder / RESULT).is_file():
            logging.info("fold %d of %d: %s", number + 1, count, folder)
            for name, rows in sets.items():
                write_fold(folder / "data" / name, rows, part[name], number, count)
            data = tuple(folder / "data" / name for name in sets)
            status = _train_and_test(config, folder, data, run_action)
            if status:
                return status
        else:
            logging.info("fold %d of %d is done: %s", number + 1, count, folder)
        metrics.append(json.loads((folder / RESULT).read_text(encoding="utf-8"))["figures"])
    _report(config, metrics)
    return 0


def _check_plan(config: Config, parts: list[list[str]]) -> None:
    """Refuse folders that hold folds of other flags or other labels: their mean would be of nothing."""
    free = FREE | {"folds"}
    flags = {name: value for name, value in flags_of(config).items() if name not in free}
    plan = json.loads(json.dumps({"flags": flags, "epochs": config.epochs, "parts": parts}))
    file = config.checkpoint_dir / PLAN
    if not file.is_file():
        write_text(file, json.dumps(plan) + "\n")
        return
    held = json.loads(file.read_text(encoding="utf-8"))
    # an earlier version also held flags that may differ
    held["flags"] = {name: value for name, value in held["flags"].items() if name not in free}
    if held == plan:
        return
    names = [name for name, value in flags.items() if held["flags"].get(name) != value]
    what = ", ".join(f"--{name}" for name in names) or (
        "--epochs" if held["epochs"] != config.epochs else "--folds or labels"
    )
    raise ConfigError(
        f"{file}: folds with other {what} are there; give another --checkpoint_dir, or remove this one"
    )


def _train_and_test(
    config: Config, folder: Path, data: tuple[Path, ...], run_action: Callable[[Config], int]
) -> int:
    arch = file_arch(canonical_arch(config.arch))
    latest, best = folder / f"checkpoint_{arch}.pth", folder / f"model_best_{arch}.pth"
    own = replace(
        config,
        folds=None,
        data=data,
        checkpoint_dir=folder,
        logdir=folder / "logs",
        continue_from=str(latest) if latest.is_file() else None,
        given=config.given | {"data", "checkpoint_dir", "logdir"},
    )
    status = run_action(own)
    if status:
        return status
    # the file says what the model is, but for the flags that override it
    status = run_action(replace(own, train=False, evaluate=True, continue_from=None, resume=best))
    tested = max((folder / "logs").glob("test_*/metrics.json"), key=lambda path: path.stat().st_mtime)
    write_text(folder / RESULT, tested.read_text(encoding="utf-8"))
    return status


def _report(config: Config, metrics: list[dict[str, float | None]]) -> None:
    summary: dict[str, Any] = {}
    for name in dict.fromkeys(name for fold in metrics for name in fold):
        values = [value for fold in metrics if (value := fold.get(name)) is not None]
        if values:
            deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
            summary[name] = {"mean": float(np.mean(values)), "deviation": deviation, "folds": len(values)}
    logging.info("%s", fold_table(metrics, summary))
    with RunLog(new_run_folder(config.logdir, "folds", canonical_arch(config.arch), config.criterion)) as log:
        log.config(flags_of(config))
        log.metrics({"folds": metrics, "summary": summary, "parts": PARTS})
        logging.info("metrics.json: %s", log.folder)
