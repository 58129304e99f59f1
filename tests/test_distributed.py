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


def run_two(*arguments: str) -> subprocess.CompletedProcess[str]:
    address = f"tcp://127.0.0.1:{free_port()}"
    return launch(str(ROOT / "main.py"), *arguments, "--procs_per_node", "2", "--init_method", address)


def test_validation_scores_the_weights_that_are_saved(workplace: Callable[..., Path]) -> None:
    folder = workplace("regress", scenes=3)
    batch_norm = ["-a", "resnet18", "-b", "2", "--lr", "1e-4", "--image_size", "64", "64"]
    assert run_two(*RUN, *batch_norm).returncode == 0
    for split in ("train", "test"):
        (folder / f"data/{split}/label.txt").write_bytes((folder / "data/val/label.txt").read_bytes())
    alone = ["-e", "--resume", "checkpoints/model_best_resnet18.pth", "-j", "0"]
    logged = load_checkpoint("checkpoints/model_best_resnet18.pth")["figures"]
    assert main(alone) == 0
    assert run_two(*alone).returncode == 0
    folders = sorted(Path("logs").glob("test_*"))
    assert len(folders) == 2
    for path in folders:
        figures = json.loads((path / "metrics.json").read_text(encoding="utf-8"))["figures"]
        assert figures["loss"] == pytest.approx(logged["loss"], rel=1e-5)
        assert "SRCC" in (path / "run.log").read_text(encoding="utf-8")


def test_two_processes_continue_bit_for_bit_and_skip_bad_pictures(workplace: Callable[..., Path]) -> None:
    folder = workplace("regress", scenes=3)
    broken = folder / "data/train/scene1_1.png"
    broken.write_bytes(broken.read_bytes()[:100])
    # Dropout draws in every process; -b 1 leaves one of them without a readable row.
    run = [*RUN, "-a", "mobilenet_v3_small", "-b", "1", "--bad_images", "skip", "--schedule", "constant"]
    file = "checkpoint_mobilenet_v3_small.pth"
    assert run_two(*run, "--checkpoint_dir", "whole").returncode == 0
    assert run_two(*run, "--checkpoint_dir", "parts", "--epochs", "1").returncode == 0
    done = run_two("--train", "--continue", f"parts/{file}", "--epochs", "2")
    assert done.returncode == 0, done.stderr
    first, second = (load_checkpoint(f"{name}/{file}")["state_dict"] for name in ("whole", "parts"))
    assert [name for name in first if not first[name].equal(second[name])] == []
