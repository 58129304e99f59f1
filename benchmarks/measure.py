"""What several benchmarks read and print."""

import shlex
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Median, lowest and highest."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def resident(process: int) -> float | None:
    """Megabytes that a process holds in memory; None: it has just ended. Linux alone."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024 if "VmRSS:" in status else None
