"""What the others do when a process is lost: a message and an end, or torchrun's new start."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import programs
from tests.conftest import ROOT, free_port
from tests.test_continue import assert_equal
from tests.test_distributed import FILE, RUN
from utils.checkpoint import load_checkpoint

MAIN = str(ROOT / "main.py")
LONG = [*RUN, "--epochs", "1000", "-b", "2", "--schedule", "constant"]


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def wait_for(done: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.1)


def workers_of(launcher: "subprocess.Popen[str] | programs.Program") -> list[int]:
    """The training processes that a launcher started, or forked (with its own command line)."""
    try:
        children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text(encoding="ascii")
        commands = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in children.split()}
    except OSError:
        return []
    marks = (b"spawn_main", b"main.py", b"multiprocessing.forkserver")
    return [child for child, command in commands.items() if any(mark in command for mark in marks)]


def epochs_done(folder: str) -> int:
    path = Path(folder) / FILE
    return load_checkpoint(path)["train_state"]["epoch"] if path.is_file() else 0


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.slow)], ids=["killed", "frozen"]
)
def test_a_lost_node_ends_the_other_within_a_minute(
    number: signal.Signals, workplace: Callable[..., Path]
) -> None:
    workplace("regress", scenes=3)
    address = f"tcp://127.0.0.1:{free_port()}"
    nodes = [
        programs.start(*LONG, "--nodes", "2", "--rank", str(rank), "--init_method", address)
        for rank in (0, 1)
    ]
    try:
        wait_for(lambda: epochs_done("checkpoints") >= 1)
        os.kill(workers_of(nodes[1])[0], number)  # the launcher's end is a SIGINT to it, which saves
        since = time.monotonic()
        _, said = nodes[0].communicate(timeout=90)
        assert time.monotonic() - since < 60
        assert nodes[0].returncode == 2
        [line] = [
            line for line in said.splitlines() if "another process ended" in line or "no sign of" in line
        ]
        assert "--continue" in line and "Traceback" not in said
        assert epochs_done("checkpoints") >= 1
    finally:
        for node in nodes:
            for worker in workers_of(node):
                os.kill(worker, signal.SIGKILL)
            node.kill()
            node.communicate()


@pytest.mark.slow
def test_torchrun_goes_on_after_a_killed_worker(workplace: Callable[..., Path]) -> None:
    workplace("regress", scenes=3)
    run = [*RUN, "--epochs", "12", "-b", "2", "--schedule", "constant"]
    torchrun = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--max_restarts", "1"]
    torchrun += ["--master_port", str(free_port())]
    agent = start(*torchrun, MAIN, *run, "--checkpoint_dir", "parts")
    try:
        wait_for(lambda: epochs_done("parts") >= 2)
        os.kill(workers_of(agent)[1], signal.SIGKILL)
        out, err = agent.communicate(timeout=200)
    finally:
        agent.kill()
    assert agent.returncode == 0, err
    assert "continuing the run" in out + err
    whole = ["--procs_per_node", "2", "--init_method", f"tcp://127.0.0.1:{free_port()}"]
    with start(MAIN, *run, *whole, "--checkpoint_dir", "whole") as alone:
        assert alone.wait(timeout=200) == 0
    first, second = (load_checkpoint(Path(name) / FILE) for name in ("whole", "parts"))
    assert second["train_state"]["epoch"] == 12
    assert_equal(first["state_dict"], second["state_dict"])
