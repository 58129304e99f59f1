"""`--cache features`: a head learns from features that are computed once, and learns the same."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from applications import train
from dataloader import datasets
from main import main
from models.features import FeatureExtractor
from tests.conftest import free_port, lively, small_network
from tests.programs import Program
from tests.small_arch import SMALL_ARCH
from tests.test_continue import StopAfter, assert_equal
from utils.checkpoint import load_checkpoint
from utils.errors import ArchError

pytestmark = pytest.mark.usefixtures("without_plots")
EPOCHS = 3
RUN = [
    *("--train", "-a", SMALL_ARCH, "--resume", "plain.pth", "--image_size", "48", "48", "-b", "5", "-j", "0"),
    *("-g", "0", "--warmup", "0", "--lr", "1e-2", "--epochs", str(EPOCHS), "--freeze_backbone", str(EPOCHS)),
]
LATEST = Path("checkpoints") / "checkpoint_tests_small.pth"
FEATURES = ["--cache", "features"]


@pytest.fixture
def run(workplace: Callable[..., Path]) -> Callable[..., list[str]]:
    """Makes data/ of a task and weights, and gives the command that learns on them."""

    def make(task: str, num_classes: int = 1) -> list[str]:
        workplace(task)
        torch.save(lively(SMALL_ARCH, num_classes, (48, 48)).state_dict(), "plain.pth")
        return [*RUN, "--criterion", task, "--num_classes", str(num_classes)]

    return make


def weights(folder: str = "checkpoints") -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = load_checkpoint(Path(folder) / LATEST.name)["state_dict"]
    return state


@pytest.mark.parametrize(("task", "num_classes"), [("rank", 1), ("emd", 5), ("regress", 1)])
def test_a_head_learns_what_it_learns_from_images(
    task: str, num_classes: int, run: Callable[..., list[str]]
) -> None:
    command = run(task, num_classes)
    assert main([*command, "--no_augment", "--checkpoint_dir", "images"]) == 0
    assert main([*command, *FEATURES]) == 0
    from_images, started = weights("images"), torch.load("plain.pth", weights_only=True)
    for name, learnt in weights().items():
        # kernels round otherwise for batches of other sizes
        torch.testing.assert_close(learnt, from_images[name], rtol=1e-4, atol=1e-5)
        assert torch.equal(learnt, started[name]) or "classifier.3" in name, name
    assert not torch.equal(weights()["classifier.3.weight"], started["classifier.3.weight"])


@pytest.mark.parametrize("more", [[], ["--find_lr", "12"]])
def test_each_image_is_decoded_once(
    more: list[str], run: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    command, read = run("regress"), []
    original = datasets.read_image

    def counted(view: Any, path: str) -> Any:
        read.append(path)
        return original(view, path)

    monkeypatch.setattr(datasets, "read_image", counted)
    assert main([*command, *FEATURES, *more]) == 0
    assert len(read) == len(set(read)) > 5


def test_a_run_with_more_rows_computes_what_is_new(
    run: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And learns bit for bit what it learns when everything is computed."""
    command, read = [*run("regress"), *FEATURES, "--epochs", "1"], []
    labels = Path("data/train/label.txt")
    rows = labels.read_text().splitlines(keepends=True)
    labels.write_text("".join(rows[:-2]))
    assert main(command) == 0
    labels.write_text("".join(rows))
    original = datasets.read_image

    def counted(view: Any, path: str) -> Any:
        read.append(Path(path).name)
        return original(view, path)

    monkeypatch.setattr(datasets, "read_image", counted)
    changed, *_, last, latest = [Path(row.split(",")[0]) for row in rows]
    os.utime(changed, ns=(0, 0))
    assert main(command) == 0
    assert sorted(read) == sorted(path.name for path in (changed, last, latest))
    learnt = weights()
    Path("checkpoints/features.npz").write_bytes(b"PK no features")
    assert main(command) == 0
    assert_equal(weights(), learnt)
    assert len(read) >= len(rows) + 3  # all of them


def test_patches_learn_from_one_crop_at_a_time(run: Callable[..., list[str]]) -> None:
    command = [*run("regress"), "--view", "patches", "--image_size", "32", "32", "--patches", "4"]
    assert main([*command, *FEATURES]) == 0
    assert main([*command, *FEATURES, "--no_augment", "--checkpoint_dir", "first"]) == 0
    head = "classifier.3.weight"
    assert not torch.equal(weights()[head], weights("first")[head])


@pytest.mark.parametrize("flags", [[], ["--ema", "0.6"], ["--swa", "0.3"]])
def test_continue_is_bit_for_bit(
    flags: list[str], run: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [*run("rank"), *FEATURES, *flags]
    assert main([*command, "--checkpoint_dir", "whole"]) == 0
    with monkeypatch.context() as patch:
        patch.setattr(train, "StopSignals", lambda: StopAfter(3))
        assert main(command) == 130
    assert main(["--train", "-a", SMALL_ARCH, "--continue"]) == 0
    whole, stopped = (load_checkpoint(Path(folder) / LATEST.name) for folder in ("whole", "checkpoints"))
    assert_equal(whole["state_dict"], stopped["state_dict"])
    assert_equal(whole["averaged"] or {}, stopped["averaged"] or {})


def test_a_run_keeps_to_what_it_learns_from(
    run: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = run("rank")
    with monkeypatch.context() as patch:
        patch.setattr(train, "StopSignals", lambda: StopAfter(1))
        assert main([*command, *FEATURES]) == 130
    again = ["--train", "-a", SMALL_ARCH, "--continue"]
    assert main([*again, "--cache", "ram"]) == 2
    assert "was started with features" in capsys.readouterr().err
    assert main([*again, "--epochs", "9"]) == 2
    assert "--freeze_backbone must cover all epochs, 9, and is 3" in capsys.readouterr().err


def test_two_processes_share_the_work(run: Callable[..., list[str]]) -> None:
    command = [*run("regress"), *FEATURES, "--procs_per_node", "2", "-b", "2"]
    with Program([*command, "--init_method", f"tcp://127.0.0.1:{free_port()}"], fork=True) as program:
        assert program.wait(120) == 0, program.read()
    assert main([*command[: command.index("--procs_per_node")], "-b", "4", "--checkpoint_dir", "one"]) == 0
    head = "classifier.3.weight"
    torch.testing.assert_close(weights()[head], weights("one")[head], rtol=1e-4, atol=1e-5)


def test_unreadable_images(run: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    command = [*run("regress"), *FEATURES]
    broken = next(Path("data/train").rglob("*.png"))
    broken.write_bytes(broken.read_bytes()[:60])
    assert main(command) == 2
    assert str(broken) in capsys.readouterr().err
    for _ in range(2):  # the second run knows it
        assert main([*command, "--bad_images", "skip"]) == 0
        assert "skipped" in capsys.readouterr().err
    assert main(command) == 2
    assert str(broken) in capsys.readouterr().err
    assert all(torch.isfinite(tensor).all() for tensor in weights().values())


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--freeze_backbone", "2"], "must cover all epochs, 3, and is 2"),
        (["--auto_batch"], "give -b instead of --auto_batch"),
    ],
)
def test_wrong_flags(flags: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, *FEATURES, "--criterion", "regress", *flags]) == 2
    assert said in capsys.readouterr().err


def test_extractor_gives_what_the_last_layer_sees() -> None:
    network = small_network(3).eval()
    images = torch.rand(2, 3, 32, 32)
    features = FeatureExtractor(network)(images)
    assert isinstance(network, nn.Sequential) and isinstance(network[-1], nn.Linear)
    weight, bias = (tensor.detach().numpy() for tensor in network[-1].parameters())
    by_hand = features.detach().numpy() @ weight.T + bias
    np.testing.assert_allclose(by_hand, network(images).detach().numpy(), rtol=1e-5, atol=1e-6)


def test_extractor_refuses_a_network_that_goes_on_behind_its_last_layer() -> None:
    network = nn.Sequential(small_network(3), nn.Softmax(dim=1)).eval()
    with pytest.raises(ArchError, match="does not turn features into scores"):
        FeatureExtractor(network)(torch.rand(1, 3, 32, 32))
