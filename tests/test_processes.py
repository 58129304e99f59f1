"""Behaviour of the pool through small programs of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from utils.errors import DataError
from utils.processes import map_in_processes

PARENT = """
import time
from pathlib import Path
from tests.test_processes import sleep_long
from utils.processes import map_in_processes

if __name__ == "__main__":
    list(map_in_processes(sleep_long, ["one", "two"], 2))
"""


def sleep_long(name: str) -> None:
    Path(name).write_text(str(os.getpid()), encoding="ascii")
    time.sleep(300)


def kill_self(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_results_come_in_the_order_of_the_items() -> None:
    items = list(range(-7, 20))
    assert list(map_in_processes(abs, items, 2, chunk=4)) == [abs(item) for item in items]


def test_a_killed_worker_is_told() -> None:
    with pytest.raises(DataError, match="a worker process was killed"):
        list(map_in_processes(kill_self, range(6), 2))


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    program = tmp_path / "parent.py"
    program.write_text(PARENT, encoding="utf-8")
    place = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, str(program)], cwd=tmp_path, env=place)
    notes = [tmp_path / "one", tmp_path / "two"]
    until(lambda: all(note.is_file() and note.read_text() for note in notes))
    workers = [int(note.read_text()) for note in notes]
    assert all(map(alive, workers))
    parent.kill()
    parent.wait()
    until(lambda: not any(map(alive, workers)))


def until(done, seconds: float = 60) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"
