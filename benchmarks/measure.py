"""What several benchmarks read and print."""

import json
import shlex
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from config import Config
    from rankiqa.scorer import Scorer

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Candidate:
    """A model file with flags of its own, such as "new.pth --view fit"."""

    words: str

    @property
    def file(self) -> Path:
        """The model's."""
        return Path(shlex.split(self.words)[0]).resolve()

    @property
    def flags(self) -> list[str]:
        """Of main.py; computed on the CPU."""
        return ["--no-cuda", "--resume", str(self.file), *shlex.split(self.words)[1:]]

    def command(self) -> list[str]:
        """What scores images, their paths to be added: without PyTorch where the file allows it."""
        if self.file.suffix in (".onnx", ".xml") and not shlex.split(self.words)[1:]:
            return [sys.executable, "-m", "rankiqa", "score", "--model", str(self.file)]
        return [sys.executable, str(ROOT / "main.py"), *self.flags, "--predict"]

    def open(self, count: int) -> "tuple[Scorer, Config]":
        """The scorer of `--predict` for `count` images."""
        from applications.setup.scorer import open_scorer
        from config import parse_config

        config = parse_config([*self.flags, "--predict", "images"])
        return open_scorer(config, count)[0], config


class Cost(NamedTuple):
    """What a command took: seconds by the clock, MB of memory at its peak, seconds of the processor."""

    seconds: float
    memory: float
    processor: float


def run(command: Sequence[str], folder: Path = ROOT) -> Cost:
    """The cost of a command, whose standard output is thrown away. Linux and macOS.

    Raises:
        CalledProcessError: it failed.
    """
    # By a small process: the peak of a child begins as that of its parent.
    starter = (
        "import json, os, subprocess, sys, time; began = time.perf_counter(); "
        "process = subprocess.Popen(json.load(sys.stdin), stdout=subprocess.DEVNULL); "
        "_, status, usage = os.wait4(process.pid, 0); "
        "print(time.perf_counter() - began, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime); "
        "sys.exit(status != 0)"
    )
    return Cost(*numbers_beside(starter, command, "-S", folder=folder))


def numbers_beside(code: str, given: Sequence[str], *flags: str, folder: Path = ROOT) -> Iterator[float]:
    """The numbers that Python code prints in a process of its own, in `folder`; its input is `given` as JSON.

    Raises:
        CalledProcessError: it failed.
    """
    done = subprocess.run(
        [sys.executable, *flags, "-c", code],
        input=json.dumps(given),
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        check=True,
    )
    return map(float, done.stdout.split())


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Median, lowest and highest."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def resident(process: int) -> float | None:
    """Megabytes that a process holds in memory; None: it has just ended. Linux alone."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024 if "VmRSS:" in status else None
