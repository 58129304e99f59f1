"""Two processes learn what one process learns from the joint batch."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from main import main
from tests.conftest import ROOT
from utils.checkpoint import load_checkpoint

# It normalises each picture by itself, and draws nothing: what remains is the arithmetic of the processes.
RUN = [
    *(
        "--train",
        "-a",
        "timm/convnext_atto",
        "--image_size",
        "32",
        "32",
        "-g",
        "0",
        "-j",
        "0",
        "--no_augment",
    ),
    *("--epochs", "2", "--warmup", "0", "--lr", "1e-3", "--optimizer", "sgd", "--criterion", "regress"),
]
FILE = "checkpoint_timm_convnext_atto.pth"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def launch(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("how", ["spawn", "torchrun"])
def test_two_processes_equal_one_with_the_joint_batch(how: str, workplace: Callable[..., Path]) -> None:
    workplace("regress", scenes=3)  # 9 rows: steps of 4, 4 and 1, so that one process has no row in the last
    one = ["--checkpoint_dir", "one", "-b", "4"]
    two = ["--checkpoint_dir", "two", "-b", "2"]
    program = str(ROOT / "main.py")
    if how == "spawn":
        address = f"tcp://127.0.0.1:{free_port()}"
        done = launch(program, *RUN, *two, "--procs_per_node", "2", "--init_method", address)
    else:
        run = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(free_port())]
        done = launch(*run, program, *RUN, *two)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("epoch 2/2") == 1  # only the first process speaks
    assert main([*RUN, *one]) == 0
    first, second = load_checkpoint(f"one/{FILE}"), load_checkpoint(f"two/{FILE}")
    worst = max(
        float((first["state_dict"][name] - second["state_dict"][name]).abs().max())
        for name in first["state_dict"]
    )
    assert worst < 1e-5
    figures = [
        json.loads(path.read_text(encoding="utf-8")) for path in Path("logs").glob("train_*/metrics.json")
    ]
    assert len(figures) == 2
    assert figures[0]["figures"]["loss"] == pytest.approx(figures[1]["figures"]["loss"], rel=1e-5)


def test_a_wrong_node_rank_is_refused(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("regress")
    assert main([*RUN, "--nodes", "2", "--rank", "2"]) == 2
    assert "0..1" in capsys.readouterr().err


def test_a_fault_in_the_processes_gives_status_2(workplace: Callable[..., Path]) -> None:
    folder = workplace("regress")
    (folder / "data/train/label.txt").write_text("nothing.png,3\n", encoding="utf-8")
    address = f"tcp://127.0.0.1:{free_port()}"
    done = launch(str(ROOT / "main.py"), *RUN, "--procs_per_node", "2", "--init_method", address)
    assert done.returncode == 2
    assert "nothing.png" in done.stderr
    assert "Traceback" not in done.stderr
