"""Two machines with a cable between them: network namespaces, where this user may make some."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from main import main
from tests.conftest import ROOT
from tests.test_distributed import RUN, weights
from tests.test_lost_peer import epochs_done, wait_for

pytestmark = pytest.mark.slow
ADDRESS = "tcp://10.77.0.1:23456"


def ip(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["ip", *arguments], capture_output=True, check=False)


@pytest.fixture
def machines() -> Iterator[list[str]]:
    """The names of two network namespaces, which see each other and nothing else."""
    names = [f"rankiqa{os.getpid()}{letter}" for letter in "ab"]
    if shutil.which("ip") is None or ip("netns", "add", names[0]).returncode:
        pytest.skip("this user may not make network namespaces")
    ip("netns", "add", names[1])
    made = ip("link", "add", "cable0", "netns", names[0], "type", "veth", "peer", "cable1", "netns", names[1])
    try:
        if made.returncode:
            pytest.skip(f"no veth pair: {made.stderr.decode()}")
        for number, name in enumerate(names):
            ip("-n", name, "addr", "add", f"10.77.0.{number + 1}/24", "dev", f"cable{number}")
            ip("-n", name, "link", "set", f"cable{number}", "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield names
    finally:
        for name in names:
            ip("netns", "delete", name)


def start(machine: str, rank: int, *flags: str) -> subprocess.Popen[str]:
    command = ["ip", "netns", "exec", machine, sys.executable, str(ROOT / "main.py"), *flags]
    return subprocess.Popen(
        [*command, "--nodes", "2", "--rank", str(rank), "--init_method", ADDRESS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": f"cable{rank}"},
    )


def test_two_machines_equal_one_process(machines: list[str], workplace: Callable[..., Path]) -> None:
    workplace("regress", scenes=3)  # 9 rows: steps of 4, 4 and 1; 21 steps in all
    flags = [*RUN, "--epochs", "7", "-b", "2"]
    # Each machine has a disk of its own: only the first may write.
    nodes = [
        start(name, rank, *flags, "--checkpoint_dir", f"two{rank}") for rank, name in enumerate(machines)
    ]
    said = [node.communicate(timeout=300) for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], said
    assert not Path("two1").exists()
    assert main([*RUN, "--epochs", "7", "-b", "4", "--checkpoint_dir", "one"]) == 0
    one, two = weights(Path("one")), weights(Path("two0"))
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < 1e-5


def test_a_cut_cable_ends_both_within_a_minute(machines: list[str], workplace: Callable[..., Path]) -> None:
    workplace("regress", scenes=3)
    flags = [*RUN, "--epochs", "1000", "-b", "2", "--schedule", "constant"]
    nodes = [start(name, rank, *flags) for rank, name in enumerate(machines)]
    try:
        wait_for(lambda: epochs_done("checkpoints") >= 1)
        ip("-n", machines[1], "link", "set", "cable1", "down")
        since = time.monotonic()
        for node in nodes:
            _, said = node.communicate(timeout=90)
            assert node.returncode == 2
            assert "--continue" in said and "Traceback" not in said
        assert time.monotonic() - since < 60
        assert epochs_done("checkpoints") >= 1
    finally:
        for node in nodes:
            with suppress(ProcessLookupError):  # a launcher that is killed alone leaves its workers
                os.killpg(node.pid, signal.SIGKILL)
            node.communicate()
