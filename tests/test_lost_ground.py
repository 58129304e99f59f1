"""What a full disk or a lost loader process leaves of a run: one clear line, and the checkpoint as it was."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from tests.conftest import ROOT
from utils.checkpoint import load_checkpoint, save_checkpoint
from utils.errors import WeightsError

RUN = [
    *("--train", "-a", "mobilenet_v3_small", "--image_size", "48", "48", "-g", "0", "--view", "patches"),
    *("--criterion", "regress", "-b", "2", "--warmup", "0", "--lr", "1e-3", "--schedule", "constant"),
]
FILE = "checkpoint_mobilenet_v3_small.pth"


def start(*flags: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), *flags],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 40 MB, room for one checkpoint and its successor."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=80m", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(disk: Path, spare: int) -> Path:
    """A file that leaves `spare` bytes of the disk."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free - spare)
    return filler


@pytest.mark.parametrize("values", [300_000, 2_000_000])
def test_a_save_that_does_not_fit(values: int, small_disk: Path) -> None:
    file = small_disk / "a.pth"
    save_checkpoint(file, {"state_dict": {"weight": torch.ones(200_000)}})
    kept, filler = file.read_bytes(), fill(small_disk, 1_000_000)
    with pytest.raises(WeightsError, match="No space left on device"):
        save_checkpoint(file, {"state_dict": {"weight": torch.ones(values)}})
    assert file.read_bytes() == kept
    assert sorted(small_disk.iterdir()) == [file, filler]


# 8 MB hold a best model and no checkpoint, 300 kB neither; at 0 bytes TensorBoard's thread adds a traceback.
@pytest.mark.slow
@pytest.mark.parametrize("spare", [8_000_000, 300_000])
def test_a_full_disk(spare: int, workplace: Callable[..., Path], small_disk: Path) -> None:
    workplace("regress", scenes=3)
    with start(*RUN, "-j", "0", "--epochs", "1", "--checkpoint_dir", "disk", "--logdir", "disk/logs") as run:
        assert run.wait(timeout=120) == 0
    file = small_disk / FILE
    kept = file.read_bytes()
    filler = fill(small_disk, spare)
    with start("--train", "--continue", str(file), "--epochs", "2") as run:
        _, said = run.communicate(timeout=120)
    assert run.returncode == 2, said
    [line] = [line for line in said.splitlines() if line.startswith("error: ")]
    assert "No space left on device" in line
    assert "Traceback" not in said and "Logging error" not in said
    assert file.read_bytes() == kept
    assert not list(small_disk.glob(".*.partial"))
    filler.unlink()
    with start("--train", "--continue", str(file), "--epochs", "2") as run:
        assert run.wait(timeout=120) == 0
    assert load_checkpoint(file)["train_state"]["epoch"] == 2


@pytest.mark.slow
def test_a_killed_loader_process(workplace: Callable[..., Path]) -> None:
    workplace("regress", scenes=3)
    with start(*RUN, "-j", "1", "--epochs", "1000") as run:
        file, end = Path("checkpoints", FILE), time.monotonic() + 120
        while not file.is_file() and time.monotonic() < end:
            time.sleep(0.05)
        children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text(encoding="ascii").split()
        loaders = [int(child) for child in children if _is_loader(int(child))]
        os.kill(loaders[0], signal.SIGKILL)
        _, said = run.communicate(timeout=120)
    assert run.returncode == 2, said
    [line] = [line for line in said.splitlines() if line.startswith("error: ")]
    assert str(loaders[0]) in line and "--continue" in line and "-j" in line
    assert "Traceback" not in said
    state = load_checkpoint(file)["train_state"]
    assert state["epoch"] >= 1 or state["trained"]  # the first save comes before the first validation


def _is_loader(child: int) -> bool:
    """Forked, so that it has its parent's command line."""
    return b"main.py" in Path(f"/proc/{child}/cmdline").read_bytes()


def test_what_a_killed_save_left_is_removed_by_the_next(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    abandoned = tmp_path / f".a.pth.{gone.pid}.partial"
    others = [tmp_path / f".a.pth.{os.getppid()}.partial", tmp_path / f".b.pth.{gone.pid}.partial"]
    for path in (abandoned, *others):
        path.write_bytes(b"half")
    save_checkpoint(tmp_path / "a.pth", {"state_dict": {}})
    assert not abandoned.exists()
    assert all(path.exists() for path in others)
