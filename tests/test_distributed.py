"""Two processes learn what one process learns from the joint batch."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from main import main
from tests import programs
from tests.conftest import ROOT, free_port, write_split
from tests.small_arch import SMALL_ARCH
from utils.checkpoint import load_checkpoint

pytestmark = pytest.mark.usefixtures("without_plots")

# It normalises each image by itself, and draws nothing: what remains is the arithmetic of the processes.
RUN = [
    *("--train", "-a", "timm/convnext_atto", "--image_size", "32", "32", "-g", "0", "-j", "0"),
    *("--no_augment", "--epochs", "2", "--warmup", "0", "--lr", "1e-3", "--optimizer", "sgd"),
    *("--criterion", "regress"),
]
FILE = "checkpoint_timm_convnext_atto.pth"
# 45 rows: steps of 4 and one of 1, so that one of two processes has no row in the last; 24 steps in all
SCENES = 15


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
    address = f"tcp://127.0.0.1:{free_port()}"
    if how == "spawn":
        done = [launch(*program, "--procs_per_node", "2", "--init_method", address)]
    elif how == "spawn, forked":
        done = [run_two(*arguments)]
    elif how == "torchrun":
        run = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(free_port())]
        done = [launch(*run, *program)]
    elif how == "torchrun, forked":
        done = finish([started_by_torchrun(rank, address, *arguments) for rank in (0, 1)])
    else:
        node = [*arguments, "--nodes", "2", "--init_method", address]
        done = finish([programs.start(*node, "--rank", rank) for rank in ("0", "1")])
    assert [process.returncode for process in done] == [0] * len(done), [process.stderr for process in done]
    said = "".join(process.stdout for process in done)
    assert said.count("epoch 2/2") == ("--train" in arguments)  # only the first process speaks


def started_by_torchrun(rank: int, address: str, *arguments: str) -> programs.Program:
    """One of two processes in the environment that torchrun gives them."""
    host, port = address.removeprefix("tcp://").split(":")
    of_all = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": host, "MASTER_PORT": port}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**of_all, "RANK": str(rank), "LOCAL_RANK": str(rank)}.items():
            patch.setenv(name, value)
        return programs.start(*arguments)


def finish(begun: list[programs.Program]) -> list[subprocess.CompletedProcess[str]]:
    with begun[0] as first, begun[1] as second:
        return [process.completed(300) for process in (first, second)]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(folder / FILE)["state_dict"]


def final_loss(folder: Path) -> float:
    [path] = folder.glob("logs/train_*/metrics.json")
    return json.loads(path.read_text(encoding="utf-8"))["figures"]["loss"]


def predictions(folder: Path) -> list[tuple[str, float]]:
    path, *others = folder.glob("judged/test_*/predictions.csv")
    # -e is not spread over nodes: each scores all and writes, into one folder or two, as the second falls
    assert all(other.read_bytes() == path.read_bytes() for other in others)
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["path"], float(row["score"])) for row in csv.DictReader(file)]


def judge_training_images(run: Callable[..., object], folder: Path, checkpoint: Path) -> None:
    (folder / "data/test/label.txt").write_bytes((folder / "data/train/label.txt").read_bytes())
    run("-e", "--resume", str(checkpoint), "-j", "0", "-b", "2", "--logdir", "judged")


@pytest.fixture(scope="module")
def one_process(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run in one process, and of its evaluation; each test has the same data."""
    folder = tmp_path_factory.mktemp("one_process")
    for split, scenes in (("train", SCENES), ("val", 2), ("test", 2)):
        write_split(folder, split, "regress", scenes)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main([*RUN, "--checkpoint_dir", ".", "-b", "4"]) == 0
        judge_training_images(lambda *argv: main([*argv]), folder, folder / FILE)
    return folder


@pytest.mark.parametrize("how", ["spawn", "torchrun", "two nodes"])
def test_two_processes_equal_one_with_the_joint_batch(
    how: str, workplace: Callable[..., Path], one_process: Path
) -> None:
    folder = workplace("regress", scenes=SCENES)
    assert (folder / "data/train/label.txt").read_bytes() == (
        one_process / "data/train/label.txt"
    ).read_bytes()
    two_processes(how, *RUN, "--checkpoint_dir", ".", "-b", "2")
    one, two = weights(one_process), weights(folder)
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < 1e-5
    assert final_loss(folder) == pytest.approx(final_loss(one_process), rel=1e-5)

    # how Python starts, and four times PyTorch with it, was the training's matter
    again = f"{how}, forked" if how in ("spawn", "torchrun") else how
    judge_training_images(lambda *argv: two_processes(again, *argv), folder, one_process / FILE)
    alone, both = predictions(one_process), predictions(folder)
    assert len(alone) == 45
    assert [row[0] for row in both] == [row[0] for row in alone]
    np.testing.assert_allclose([row[1] for row in both], [row[1] for row in alone], rtol=0, atol=1e-5)


def test_a_wrong_node_rank_is_refused(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("regress")
    assert main([*RUN, "--nodes", "2", "--rank", "2"]) == 2
    assert "0..1" in capsys.readouterr().err


def test_a_fault_in_the_processes_gives_status_2(workplace: Callable[..., Path]) -> None:
    folder = workplace("regress")
    (folder / "data/train/label.txt").write_text("nothing.png,3\n", encoding="utf-8")
    done = run_two(*RUN)
    assert done.returncode == 2
    assert "nothing.png" in done.stderr
    assert "Traceback" not in done.stderr


def run_two(*arguments: str) -> subprocess.CompletedProcess[str]:
    address = f"tcp://127.0.0.1:{free_port()}"
    return programs.run(*arguments, "--procs_per_node", "2", "--init_method", address)


def test_validation_scores_the_weights_that_are_saved(workplace: Callable[..., Path]) -> None:
    folder = workplace("regress", scenes=4)  # 12 rows: the last step gives each its own batch statistics
    batch_norm = ["-a", "timm/test_resnet", "-b", "2", "--lr", "1e-4", "--image_size", "64", "64"]
    assert run_two(*RUN, *batch_norm).returncode == 0
    for split in ("train", "test"):
        (folder / f"data/{split}/label.txt").write_bytes((folder / "data/val/label.txt").read_bytes())
    alone = ["-e", "--resume", "checkpoints/model_best_timm_test_resnet.pth", "-j", "0"]
    logged = load_checkpoint("checkpoints/model_best_timm_test_resnet.pth")["figures"]
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
    run = [*RUN, "-a", SMALL_ARCH, "-b", "1", "--bad_images", "skip", "--schedule", "constant"]
    file = "checkpoint_tests_small.pth"
    assert run_two(*run, "--checkpoint_dir", "whole").returncode == 0
    assert run_two(*run, "--checkpoint_dir", "parts", "--epochs", "1").returncode == 0
    done = run_two("--train", "--continue", f"parts/{file}", "--epochs", "2")
    assert done.returncode == 0, done.stderr
    first, second = (load_checkpoint(f"{name}/{file}")["state_dict"] for name in ("whole", "parts"))
    assert [name for name in first if not first[name].equal(second[name])] == []
