"""Makes tests/data/version1: interrupted runs, weights and converted files as version 1 wrote them.

They were made once, by the last code of version 1 (commit ab3797e):

    cd VERSION1 && PYTHONPATH=. python REPOSITORY/tests/version1_files.py REPOSITORY/tests/data/version1

`tests/test_version1.py` continues, scores and converts them with the code of today.
"""

import csv
import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

ARCH = "version1_tiny"
COMMON = [
    *("--train", "-a", ARCH, "--image_size", "32", "32", "-g", "0", "-j", "0", "-b", "4", "--epochs", "3"),
    *("--warmup", "1", "--schedule", "cosine", "--lr", "1e-2", "--logdir", "logs", "--print_freq", "2"),
]
# Between them: both views, every kind of state that a checkpoint holds, and metrics with all their keys.
RUNS = {
    "rank": [
        "--criterion",
        "rank",
        "--optimizer",
        "sgd",
        "--view",
        "patches",
        "--patches",
        "2",
        "--ema",
        "0.9",
    ],
    "regress": [
        *("--criterion", "regress", "--optimizer", "adamw", "--swa", "0.5", "--accumulate", "2"),
        *("--clip_grad", "1", "--rows_together", "2"),
    ],
}
STOP_AFTER = 5  # steps: one of two in the third epoch of rank, two of three in the second of regress
SCORED = "scores.csv"


class Tiny(nn.Module):
    """Batch statistics, dropout and a linear head, in 400 parameters."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, 4, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
        )
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(32, num_classes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) -> (B, N) logits."""
        return self.head(self.features(images))


def build_tiny(_arch: str, num_classes: int, _size: tuple[int, int]) -> nn.Module:
    """The builder of ARCH."""
    return Tiny(num_classes)


def write_data(root: Path, task: str) -> None:
    """data/{train,val,test}/label.txt below `root`, with images in whole numbers: the same bytes anywhere."""
    for split, scenes in {"train": range(6), "val": range(6, 8), "test": range(8, 10)}.items():
        folder = root / "data" / split
        folder.mkdir(parents=True)
        rows: list[list[Any]] = []
        for scene in scenes:
            names = [f"data/{split}/{scene}_{level}.png" for level in range(2)]
            pixels = np.random.default_rng(scene).integers(0, 256, (40, 48, 3))
            for level, name in enumerate(names):
                blurred = (pixels + level * (np.roll(pixels, 1, 0) + np.roll(pixels, 1, 1))) // (
                    1 + 2 * level
                )
                Image.fromarray(blurred.astype(np.uint8)).save(root / name)
            rows += [names] if task == "rank" else [[name, 4 - 2 * level] for level, name in enumerate(names)]
        with (folder / "label.txt").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)


def computer() -> dict[str, str]:
    """What decides about the last bits of a training on the CPU."""
    return {"torch": torch.__version__, "instructions": torch.backends.cpu.get_cpu_capability()}


def _stopped_run(run: list[str]) -> None:
    from main import main

    loop = importlib.import_module("applications.loop")  # of version 1
    step, done = loop.train_step, 0

    def counted(*arguments: Any) -> Any:
        nonlocal done
        done += 1
        if done == STOP_AFTER:
            signal.raise_signal(signal.SIGTERM)
        return step(*arguments)

    loop.train_step = counted
    try:
        assert main(run) == 130
    finally:
        loop.train_step = step


def _make(out: Path, task: str) -> None:
    from main import main

    write_data(Path.cwd(), task)
    run = [*COMMON, *RUNS[task]]
    _stopped_run([*run, "--checkpoint_dir", "stopped"])
    assert main([*run, "--checkpoint_dir", "whole"]) == 0
    shutil.copy(f"stopped/checkpoint_{ARCH}.pth", out / f"{task}_stopped.pth")
    shutil.copy(f"whole/checkpoint_{ARCH}.pth", out / f"{task}_whole.pth")
    best = f"whole/model_best_{ARCH}.pth"
    shutil.copy(best, out / f"{task}_best.pth")
    score = ["--predict", "data/test", "--output", "scores.csv", "--engine", "torch", "--threads", "1"]
    assert main([*score, "--resume", best]) == 0
    shutil.copy("scores.csv", out / f"{task}_{SCORED}")
    assert main(["-e", "--resume", best, "-j", "0", "--logdir", "tested"]) == 0
    [tested] = Path("tested").glob("test_*/metrics.json")
    shutil.copy(tested, out / f"{task}_metrics.json")
    if task == "rank":
        assert main(["--jit", "--resume", best]) == 0
        assert main(["--export", "onnx", "--resume", best]) == 0
        shutil.copy(f"checkpoints/{ARCH}.onnx", out / "rank.onnx")
        _copy_without_paths(f"checkpoints/jit_{ARCH}.pt", out / "rank.pt")


def _copy_without_paths(source: str, target: Path) -> None:
    """Copy a TorchScript file without its tables of source lines, which name folders of this machine."""
    reader, writer = torch._C.PyTorchFileReader(source), torch._C.PyTorchFileWriter(str(target))
    own = {"version", "byteorder", ".data/serialization_id"}  # the writer adds them by itself
    for name in reader.get_all_records():
        if name not in own and not name.endswith(".debug_pkl"):
            content = reader.get_record(name)
            writer.write_record(name, content, len(content))
    writer.write_end_of_file()


if __name__ == "__main__":
    # of version 1
    importlib.import_module("models.registry").register(ARCH)(build_tiny)
    torch.set_num_threads(1)
    target = Path(sys.argv[1]).resolve()
    target.mkdir(parents=True, exist_ok=True)
    for each in RUNS:
        with tempfile.TemporaryDirectory() as place:
            os.chdir(place)
            _make(target, each)
    (target / "computer.json").write_text(json.dumps(computer()) + "\n")
