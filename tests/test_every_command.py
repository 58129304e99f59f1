"""Every command of README and docs, run in the order of its page, with small data and the changes of a table.

The pages in Chinese have the same commands, which is checked; what can't be run is NOT_RUN, with the reason.
"""

import csv
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.command_changes import (
    ANSWERS,
    BACKGROUND,
    BENCHMARKS,
    CHANGES,
    MAY_FAIL,
    NEEDS,
    NOT_RUN,
    PEER,
    SAYS,
    changed,
)
from tests.command_place import make_place
from tests.conftest import ROOT, free_port
from tests.rest_client import until_up
from tests.test_pages import PAGES, blocks

ENGLISH = [page for page in PAGES if ".zh-CN" not in page.name]
RUN = [page for page in ENGLISH if blocks(page)]
PORTS = ("meeting", "torchrun", "web", "client", "ray")
WRITTEN = ("--output", "--report", "--out", "--plot", "--sheet", "--checkpoint_dir")
SECONDS = 400  # that no command may exceed


@pytest.mark.parametrize("page", [page for page in PAGES if page not in ENGLISH], ids=lambda page: page.name)
def test_both_languages_have_the_same_commands(page: Path) -> None:
    assert blocks(page) == blocks(page.with_name(page.name.replace(".zh-CN", "")))


def test_the_tables_hold_nothing_that_no_page_has() -> None:
    commands = [line for page in RUN for block in blocks(page) for line in block]
    for pattern in [*map(re.escape, NOT_RUN), *NEEDS, *BACKGROUND, *MAY_FAIL]:
        assert any(re.search(pattern, command) for command in commands), pattern
    names = dict.fromkeys((*PORTS, "place", "short"), "x")
    commands += [changed(command, names) for command in commands]
    for pattern in [*(pattern for pattern, _, _ in CHANGES), *SAYS]:
        assert any(re.search(pattern, command) for command in commands), pattern
    assert all((ROOT / "benchmarks" / start.split()[0]).is_file() for start in BENCHMARKS)


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short path. What still holds it afterwards was started by the test and is ended."""
    folder = Path(tempfile.mkdtemp(prefix="riqa", dir="/tmp"))
    yield folder
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (place / "cmdline").read_bytes():
                os.kill(int(place.name), signal.SIGKILL)
        except OSError:
            continue  # it has ended, or is another user's
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_every_command(page: Path, tmp_path: Path, short: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    commands = [line for block in blocks(page) for line in block]
    run = PageRun(place, make_place(place, page.name, commands), short)
    try:
        for block in blocks(page):
            run.block(block)
        if page.name == "your_own_data.md":
            assert_scores_are_equal(place / "logs/scores.csv", place / "logs/converted.csv")
    finally:
        print(f"{page.name}: {len(commands)} commands, {run.left_out} of them not run")
        shutil.rmtree(place)  # some pages leave gigabytes


def assert_scores_are_equal(*tables: Path) -> None:
    """Of the model and of its converted file."""
    scores = []
    for table in tables:
        with table.open(newline="") as file:
            scores.append([float(row["score"]) for row in csv.DictReader(file)])
    assert len(scores[0]) == 30 and scores[0] == pytest.approx(scores[1], abs=1e-4)


class PageRun:
    """The commands of a page, in one folder."""

    def __init__(self, place: Path, environment: dict[str, str], short: Path) -> None:
        self._place, self._environment = place, environment
        self._names: dict[str, object] = {name: free_port() for name in PORTS}
        self._names |= {"place": place, "short": short}
        self._beside: list[tuple[subprocess.Popen[bytes], Path]] = []
        self.left_out = 0

    def block(self, commands: list[str]) -> None:
        """One after another; what stays or waits for a peer runs on beside those that follow it."""
        assignments = ""
        try:
            for command in commands:
                beside = [kind for pattern, kind in BACKGROUND.items() if re.search(pattern, command)]
                if command.startswith(tuple(NOT_RUN)) or lacks_package(command):
                    self.left_out += 1
                elif re.match(r"[A-Z]+=", command):
                    assignments += f"{command}\n"
                elif beside:
                    self._start(command, beside[0])
                else:
                    self._run(command, assignments)
        finally:
            self._stop()

    def _stop(self) -> None:
        for process, log in reversed(self._beside):
            said = log.read_text()  # what Ray says when it is ended from outside is its own matter
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(60)
            assert "Traceback" not in said, said
        self._beside.clear()

    def _run(self, command: str, assignments: str) -> None:
        words = changed(command, self._names)
        since = time.monotonic()
        done = subprocess.run(
            ["bash", "-ec", assignments + words],
            cwd=self._place, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=SECONDS,
        )  # fmt: skip
        print(f"{time.monotonic() - since:5.1f} s  {words}")
        for process, log in self._beside if re.search(PEER, command) else ():
            assert process.wait(60) == 0, log.read_text()
        self._judge(command, words, done.returncode, done.stdout)

    def _judge(self, command: str, run: str, status: int, said: str) -> None:
        for pattern, (other, reason) in MAY_FAIL.items():
            if status == other and re.search(pattern, command) and reason in said:
                return
        assert status == 0, f"{command}\nrun as {run}\n{said}"
        for pattern, expected in SAYS.items():
            silent = re.search(pattern, command) and expected not in said
            assert not silent, f"{command}\n{expected!r} is not in\n{said}"
        words = shlex.split(run)
        for flag, name in zip(words, words[1:], strict=False):
            assert flag not in WRITTEN or (self._place / name).exists(), f"{command}\nleft no {name}\n{said}"

    def _start(self, command: str, ready: str) -> None:
        log = self._place / f"{len(list(self._place.glob('*.beside')))}.beside"
        words = changed(command, self._names)
        with log.open("w") as file:
            process = subprocess.Popen(
                ["bash", "-c", words], cwd=self._place, env=self._environment,
                stdout=file, stderr=file, start_new_session=True,
            )  # fmt: skip
        print(f"beside:  {words}")
        self._beside.append((process, log))
        if ready == ANSWERS:
            until_up(int(str(self._names["web"])), process)
        end = time.monotonic() + 90
        while ready not in (ANSWERS, PEER) and ready not in log.read_text() and process.poll() is None:
            assert time.monotonic() < end, f"{command}\n{log.read_text()}"
            time.sleep(0.2)
        assert process.poll() is None, f"{command}\n{log.read_text()}"


def lacks_package(command: str) -> bool:
    return any(re.search(pattern, command) and not find_spec(name) for pattern, name in NEEDS.items())
