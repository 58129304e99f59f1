"""Two processes learn what one process learns from the joint batch."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from main import main
from tests.conftest import ROOT, free_port
from utils.checkpoint import load_checkpoint

# It normalises each image by itself, and draws nothing: what remains is the arithmetic of the processes.
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


def two_processes(how: str, *arguments: str) -> None:
    """Run main.py in two processes; `how` they start."""
    program = [str(ROOT / "main.py"), *arguments]
    if how == "spawn":
        done = [launch(*program, "--procs_per_node", "2", "--init_method", f"tcp://127.0.0.1:{free_port()}")]
    elif how == "torchrun":
        run = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(free_port())]
        done = [launch(*run, *program)]
    else:
        address = f"tcp://127.0.0.1:{free_port()}"
        nodes = [[*program, "--nodes", "2", "--rank", str(rank), "--init_method", address] for rank in (0, 1)]
        with ThreadPoolExecutor() as pool:
            done = list(pool.map(lambda node: launch(*node), nodes))
    assert [process.returncode for process in done] == [0] * len(done), [process.stderr for process in done]
    said = "".join(process.stdout for process in done)
    assert said.count("epoch 2/2") == ("--train" in arguments)  # only the first process speaks


def largest_difference(first: str, second: str) -> float:
    one, two = (load_checkpoint(f"{folder}/{FILE}")["state_dict"] for folder in (first, second))
    return max(float((one[name] - two[name]).abs().max()) for name in one)


def predictions(path: Path) -> list[tuple[str, float]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["path"], float(row["score"])) for row in csv.DictReader(file)]


@pytest.mark.parametrize("how", ["spawn", "torchrun", "two nodes"])
def test_two_processes_equal_one_with_the_joint_batch(how: str, workplace: Callable[..., Path]) -> None:
    # 45 rows: steps of 4 and one of 1, so that one process has no row in the last; 24 steps in all
    folder = workplace("regress", scenes=15)
    two_processes(how, *RUN, "--checkpoint_dir", "two", "-b", "2")
    assert main([*RUN, "--checkpoint_dir", "one", "-b", "4"]) == 0
    assert largest_difference("one", "two") < 1e-5
    metrics = [
        json.loads(path.read_text(encoding="utf-8")) for path in Path("logs").glob("train_*/metrics.json")
    ]
    assert len(metrics) == 2
    assert metrics[0]["figures"]["loss"] == pytest.approx(metrics[1]["figures"]["loss"], rel=1e-5)

    (folder / "data/test/label.txt").write_bytes((folder / "data/train/label.txt").read_bytes())
    alone = ["-e", "--resume", f"one/{FILE}", "-j", "0", "-b", "2"]
    two_processes(how, *alone, "--logdir", "judged_two")
    assert main([*alone, "--logdir", "judged_one"]) == 0
    one, two = (
        predictions(next(Path(name).glob("test_*/predictions.csv"))) for name in ("judged_one", "judged_two")
    )
    assert len(one) == 45
    assert [row[0] for row in two] == [row[0] for row in one]
    np.testing.assert_allclose([row[1] for row in two], [row[1] for row in one], rtol=0, atol=1e-5)


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
        metrics = json.loads((path / "metrics.json").read_text(encoding="utf-8"))["figures"]
        assert metrics["loss"] == pytest.approx(logged["loss"], rel=1e-5)
        assert "SRCC" in (path / "run.log").read_text(encoding="utf-8")


def test_two_processes_continue_bit_for_bit_and_skip_bad_images(workplace: Callable[..., Path]) -> None:
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
