"""Runs that are killed, or that diverge: what is left is whole, and continuing gives the same weights."""

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from main import main
from tests import programs
from tests.conftest import free_port
from tests.small_arch import STEADY_ARCH
from utils.checkpoint import load_checkpoint

pytestmark = pytest.mark.usefixtures("without_plots")

ARCH = ["-a", "mobilenet_v3_small", "--image_size", "48", "48", "-g", "0"]
RUN = ["--train", *ARCH, "--view", "patches", "-b", "1", "--warmup", "0", "--lr", "1e-3"]
FILE = "checkpoint_mobilenet_v3_small.pth"


def different(first: str, second: str) -> list[str]:
    one, two = (load_checkpoint(f"{folder}/{FILE}")["state_dict"] for folder in (first, second))
    return [name for name in one if not torch.equal(one[name], two[name])]


def start(*flags: str) -> programs.Program:
    """main.py in a process group of its own; two processes if `flags` say so, at an address of their own."""
    if "--procs_per_node" in flags:
        flags = (*flags, "--init_method", f"tcp://127.0.0.1:{free_port()}")
    return programs.start(*flags, fork=False)


def kill_until_done(run: list[str], kills: int, processes: list[str]) -> int:
    """Train into parts/, killed soon after a new checkpoint; how many of `kills` hit a live run."""
    rng, file, hits = random.Random(kills), Path("parts") / FILE, 0
    for _ in range(kills):
        going_on = ["--train", "--continue", str(file), *processes] if file.is_file() else run
        before = file.stat().st_mtime_ns if file.is_file() else 0
        with start(*going_on) as process:
            while process.poll() is None and (not file.is_file() or file.stat().st_mtime_ns == before):
                time.sleep(0.002)
            time.sleep(rng.uniform(0, 0.3))
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            hits += process.wait(timeout=60) == -signal.SIGKILL
    run_to_its_end("--train", "--continue", str(file), *processes)
    return hits


def run_to_its_end(*flags: str) -> None:
    """Here, which spares the start of a process, unless the run is one of several processes."""
    if "--procs_per_node" not in flags:
        assert main(list(flags)) == 0
        return
    with start(*flags) as process:
        assert process.wait(timeout=300) == 0


def killed_equals_whole(task: str, workers: str, kills: int, epochs: str, processes: list[str]) -> int:
    run = [*RUN, "--criterion", task, "-j", workers, "--save_every", "2", "--epochs", epochs, *processes]
    run += ["--num_classes", "5"] if task == "emd" else []
    run_to_its_end(*run, "--checkpoint_dir", "whole")
    hits = kill_until_done([*run, "--checkpoint_dir", "parts"], kills, processes)
    assert different("whole", "parts") == []
    best = [load_checkpoint(f"{folder}/model_best_mobilenet_v3_small.pth") for folder in ("whole", "parts")]
    assert repr(best[0]["figures"]) == repr(best[1]["figures"])  # a metric may be nan
    return hits


def test_killed_runs_end_with_the_same_weights(workplace: Callable[..., Path]) -> None:
    workplace("regress")
    assert killed_equals_whole("regress", "2", kills=2, epochs="4", processes=[]) >= 1


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize("task", ["rank", "emd", "regress"])
def test_killed_at_twenty_moments(task: str, workers: str, workplace: Callable[..., Path]) -> None:
    workplace(task)
    assert killed_equals_whole(task, workers, kills=20, epochs="60", processes=[]) == 20


@pytest.mark.slow
def test_two_processes_killed_at_twenty_moments(workplace: Callable[..., Path]) -> None:
    workplace("regress", scenes=3)  # 9 rows: one process has no row in the last step of an epoch
    assert killed_equals_whole("regress", "0", 20, "60", ["--procs_per_node", "2"]) == 20


def test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("regress")
    run = [*RUN, "--criterion", "regress", "-j", "0", "--optimizer", "sgd", "--schedule", "constant"]
    assert main([*run, "--epochs", "1"]) == 0
    kept = Path("checkpoints", FILE).read_bytes()
    capsys.readouterr()
    assert main([*run, "--epochs", "2", "--lr", "1e30"]) == 2
    message = capsys.readouterr().err
    assert "learning rate 1e+30" in message
    assert "data/train/scene" in message
    assert "step" in message
    assert "Traceback" not in message
    assert Path("checkpoints", FILE).read_bytes() == kept


def test_accumulated_steps_equal_the_joint_batch(workplace: Callable[..., Path]) -> None:
    workplace("regress", scenes=3)  # 9 rows: the last update has one row of one step
    run = [
        "--train",
        "-a",
        STEADY_ARCH,
        "--image_size",
        "32",
        "32",
        "-g",
        "0",
        "-j",
        "0",
        "--no_augment",
    ]
    run += ["--criterion", "regress", "--epochs", "2", "--warmup", "0", "--lr", "1e-3", "--optimizer", "sgd"]
    run += ["--clip_grad", "0.5"]
    assert main([*run, "-b", "4", "--checkpoint_dir", "joint"]) == 0
    assert main([*run, "-b", "1", "--accumulate", "4", "--checkpoint_dir", "parts"]) == 0
    one, two = (load_checkpoint(f"{folder}/checkpoint_tests_steady.pth") for folder in ("joint", "parts"))
    for name, value in one["state_dict"].items():
        torch.testing.assert_close(two["state_dict"][name], value, rtol=0, atol=1e-5)


def test_half_an_update_is_not_saved(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--train", "--accumulate", "4", "--save_every", "6"]) == 2
    assert "multiple of --accumulate 4" in capsys.readouterr().err
