"""main.py in processes that needn't import PyTorch: forked from a server that has done so, once per session.

The start of `python main.py --train` is seven seconds of processor time, of which the run of a test is one.
Tests whose matter is the start itself (torchrun, `--procs_per_node` as users run it) start Python instead.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import lru_cache
from multiprocessing import forkserver, get_context
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# What a training or an evaluation imports, and what multiprocessing does of a test: pytest.
IMPORTS = (
    "pytest", "torch", "torch._dynamo", "torch.distributed", "torchvision", "timm", "scipy.optimize",
    "scipy.stats", "matplotlib.figure", "torch.utils.tensorboard", "applications.train", "applications.test",
    "tests.small_arch",
)  # fmt: skip


class Program:
    """A process that runs `main(argv)`, with the interface of `subprocess.Popen` as far as tests use it."""

    def __init__(self, argv: list[str], fork: bool) -> None:
        self._argv = argv
        self._folder = tempfile.TemporaryDirectory()
        self._said = [Path(self._folder.name, name) for name in ("out", "err")]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        arguments = (argv, [str(path) for path in self._said], environment, fork)
        self._process = server().Process(target=_run, args=arguments)
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()
        self._folder.cleanup()

    @property
    def returncode(self) -> int | None:
        """Its exit status, -N after signal N, None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status at its end.

        Raises:
            subprocess.TimeoutExpired: it runs on.
        """
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("main.py", timeout or 0)
        return self._process.exitcode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it wrote to stdout and stderr, at its end."""
        self.wait(timeout)
        out, err = (path.read_text(encoding="utf-8") if path.exists() else "" for path in self._said)
        return out, err

    def completed(self, timeout: float | None = None) -> "subprocess.CompletedProcess[str]":
        """Its exit status and what it wrote, at its end."""
        out, err = self.communicate(timeout)
        return subprocess.CompletedProcess(self._argv, self.wait(), out, err)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start(*argv: str, fork: bool = True) -> Program:
    """`main(argv)` in a process and a process group of its own.

    Args:
        argv: the command line.
        fork: whether `--procs_per_node` forks the processes of a run too, instead of starting Python.
    """
    return Program(list(argv), fork)


def run(*argv: str, fork: bool = True, timeout: float = 300) -> "subprocess.CompletedProcess[str]":
    """As `start`, at its end."""
    with start(*argv, fork=fork) as program:
        try:
            return program.completed(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(program.pid, signal.SIGKILL)
            raise


@lru_cache(maxsize=1)
def server() -> Any:
    """A context of multiprocessing: its processes know nothing of this one, and import next to nothing.

    The server that they are forked from runs as long as this process does.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload(list(IMPORTS))
    before = {name: os.environ.get(name) for name in ("PYTHONPATH", "OMP_NUM_THREADS")}
    os.environ.update(PYTHONPATH=str(ROOT), OMP_NUM_THREADS="1")  # a pool of threads would not outlive a fork
    try:
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    return context


def _run(argv: list[str], said: list[str], environment: dict[str, str], fork: bool) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    for number, path in enumerate(said, 1):
        os.dup2(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), number)
    sys.argv = [str(ROOT / "main.py"), *argv]
    if fork:
        _fork_processes()
    from main import main

    sys.exit(main(argv))


def _fork_processes() -> None:
    import torch.multiprocessing

    begin: Callable[..., Any] = torch.multiprocessing.start_processes
    torch.multiprocessing.start_processes = lambda *args, **flags: begin(
        *args, **{**flags, "start_method": "fork"}
    )
