"""What only a GPU can show: run by `pytest -m gpu`; without one all are skipped."""

import csv
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from applications import train
from applications.training.step_losses import StepLosses
from deploy.engines import load_scorer
from main import main
from rankiqa.spec import ModelSpec
from tests.conftest import lively, texture
from tests.test_continue import StopAfter
from utils.checkpoint import load_checkpoint, save_checkpoint

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use"),
]
ARCH = "mobilenet_v3_small"
RUN = ["--train", "-a", ARCH, "--image_size", "32", "32", "-b", "6", "-j", "1", "--warmup", "0"]
LATEST = Path("checkpoints") / f"checkpoint_{ARCH}.pth"
BEST = Path("checkpoints") / f"model_best_{ARCH}.pth"


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Convolutions in float32 as on the CPU, not in TF32, whose products have 10 bits."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.fixture
def model(tmp_path: Path) -> Callable[..., Path]:
    """A checkpoint whose scores differ between images."""

    def make(num_classes: int = 1, size: int = 64, arch: str = ARCH, **more: Any) -> Path:
        spec = ModelSpec(arch, num_classes, image_size=(size, size), **more)
        path = tmp_path / f"lively_{num_classes}.pth"
        network = lively(arch, num_classes, spec.image_size)
        save_checkpoint(path, {"state_dict": network.state_dict(), "spec": spec.to_dict()})
        return path

    return make


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(40):
        texture(number, number / 20, (96 + number, 128)).save(folder / f"{number:02}.png")
    return folder


@pytest.mark.parametrize(
    "flags",
    [
        ["--criterion", "rank"],
        ["--criterion", "emd", "--num_classes", "5", "--amp", "bf16", "--clip_grad", "1"],
        ["--criterion", "regress", "--rank_weight", "0.5", "--ema", "0.9", "--amp", "fp16"],
        ["--criterion", "regress", "--swa", "0.5", "--optimizer", "sgd", "--lr", "1e-3"],
    ],
    ids=" ".join,
)
def test_training_runs_on_the_gpu(
    flags: list[str], workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace(flags[1], 4)
    assert main([*RUN, *flags, "--epochs", "2"]) == 0
    assert "on 1 x cuda" in capsys.readouterr().out
    state = load_checkpoint(LATEST)
    assert all(value.isfinite().all() for value in state["state_dict"].values())
    assert all(value.device.type == "cpu" for value in state["state_dict"].values())
    lines = [json.loads(line) for line in next(Path("logs").glob("*/metrics.jsonl")).open(encoding="utf-8")]
    assert [line["epoch"] for line in lines] == [1, 2]


@pytest.mark.parametrize(
    "flags",
    [
        ["--criterion", "rank"],
        ["--criterion", "emd", "--num_classes", "5", "--clip_grad", "1"],
        ["--criterion", "regress", "--rank_weight", "0.5", "--ema", "0.9"],
        ["--criterion", "regress", "--amp", "bf16"],
        ["--criterion", "regress", "--amp", "fp16", "--clip_grad", "1"],
        ["--criterion", "regress", "--optimizer", "sgd"],
        ["--criterion", "regress", "--optimizer", "rmsprop", "--accumulate", "2"],
    ],
    ids=" ".join,
)
def test_no_step_waits_for_the_gpu(
    flags: list[str], workplace: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between a step and the next reading, whatever waits for the GPU raises."""
    workplace(flags[1], 10)
    add, read, steps = StepLosses.add, StepLosses.read, []

    def strict_add(*given: Any) -> None:
        add(*given)
        steps.append("step")
        torch.cuda.set_sync_debug_mode("error")

    def free_read(*given: Any) -> Any:
        torch.cuda.set_sync_debug_mode("default")
        return read(*given)

    monkeypatch.setattr(StepLosses, "add", strict_add)
    monkeypatch.setattr(StepLosses, "read", free_read)
    try:
        assert main([*RUN, *flags, "--epochs", "1", "--print_freq", "50"]) == 0
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert len(steps) == 5


@pytest.mark.parametrize("flags", [["--criterion", "rank"], ["--criterion", "regress", "--ema", "0.9"]])
def test_a_run_continues_on_the_gpu(
    flags: list[str], exact: None, workplace: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    workplace(flags[1], 4)
    run = [*RUN, *flags, "--epochs", "3", "--optimizer", "sgd", "--lr", "1e-4"]
    assert main([*run, "--checkpoint_dir", "whole"]) == 0
    with monkeypatch.context() as patch:
        patch.setattr(train, "StopSignals", lambda: StopAfter(3))
        assert main([*run, "--checkpoint_dir", "parts"]) == 130
    assert main(["--train", "--continue", f"parts/{LATEST.name}"]) == 0
    whole, parts = (load_checkpoint(Path(name) / LATEST.name) for name in ("whole", "parts"))
    assert whole["train_state"]["epoch"] == parts["train_state"]["epoch"] == 3
    for name, value in whole["state_dict"].items():
        torch.testing.assert_close(parts["state_dict"][name], value, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "rmsprop"])
def test_a_run_changes_between_gpu_and_cpu(
    optimizer: str, workplace: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    workplace("regress", 4)
    run = [*RUN, "--criterion", "regress", "--optimizer", optimizer]
    for folder, first, then in (("there", ["--no-cuda"], []), ("back", [], ["--no-cuda"])):
        with monkeypatch.context() as patch:
            patch.setattr(train, "StopSignals", lambda: StopAfter(3))
            assert main([*run, "--epochs", "3", *first, "--checkpoint_dir", folder]) == 130
        assert main(["--train", "--continue", f"{folder}/{LATEST.name}", *then]) == 0
        state = load_checkpoint(Path(folder) / LATEST.name)
        assert state["train_state"]["epoch"] == 3
        assert all(value.isfinite().all() for value in state["state_dict"].values())


def scores_of(file: str) -> dict[str, float]:
    with Path(file).open(encoding="utf-8", newline="") as lines:
        return {row["path"]: float(row["score"]) for row in csv.DictReader(lines)}


@pytest.mark.parametrize("view", ["fit", "patches"])
@pytest.mark.parametrize("num_classes", [1, 5])
def test_predict_agrees_with_the_cpu(
    view: str, num_classes: int, exact: None, model: Callable[..., Path], images: Path, tmp_path: Path
) -> None:
    file = model(num_classes, view=view)
    for name, where in (("gpu", []), ("cpu", ["--no-cuda"])):
        argv = ["--predict", str(images), "--resume", str(file), "--engine", "torch", *where]
        assert main([*argv, "--output", str(tmp_path / f"{name}.csv")]) == 0
    gpu, cpu = (scores_of(str(tmp_path / f"{name}.csv")) for name in ("gpu", "cpu"))
    assert list(gpu) == list(cpu) and len(gpu) == 40  # in the order of the input
    spread = np.ptp(list(cpu.values()))
    np.testing.assert_allclose(list(gpu.values()), list(cpu.values()), rtol=1e-3, atol=1e-3 * spread)


def test_tf32_moves_no_score_that_counts(model: Callable[..., Path], images: Path, tmp_path: Path) -> None:
    file = model(1)
    scorers = [load_scorer(file, device) for device in ("cuda", "cpu")]
    shown = [texture(number, number / 20) for number in range(30)]
    gpu, cpu = (scorer.score(shown).scores for scorer in scorers)
    assert np.abs(gpu - cpu).max() < 0.02 * np.ptp(cpu) + 0.002 * np.abs(cpu).max()


@pytest.mark.parametrize("num_classes", [1, 5])
@pytest.mark.parametrize(("format_", "suffix"), [("torchscript", ".pt"), ("pt2", ".pt2"), ("half", ".pth")])
def test_converted_files_run_on_the_gpu(
    num_classes: int, format_: str, suffix: str, exact: None, model: Callable[..., Path], tmp_path: Path
) -> None:
    file = model(num_classes)
    argv = ["--export", format_, "--resume", str(file), "--checkpoint_dir", str(tmp_path / "out")]
    assert main(argv) == 0
    [written] = (tmp_path / "out").glob(f"*{suffix}")
    shown = [texture(number, number / 5) for number in range(9)]
    cpu = load_scorer(written).score(shown).scores
    gpu = load_scorer(written, "cuda").score(shown).scores
    np.testing.assert_allclose(gpu, cpu, rtol=1e-3, atol=1e-3 * np.ptp(cpu))


def test_export_and_evaluation_of_a_run_on_the_gpu(
    exact: None, workplace: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    workplace("regress", 4)
    caplog.set_level(logging.INFO)
    assert main([*RUN, "--criterion", "regress", "--epochs", "2"]) == 0
    assert main(["--jit", "--resume", str(BEST)]) == 0
    assert main(["--calibrate", "--resume", str(BEST), "-j", "1"]) == 0
    assert main(["-e", "--resume", str(BEST), "-j", "1", "--logdir", "gpu"]) == 0
    assert main(["-e", "--resume", str(BEST), "-j", "1", "--logdir", "cpu", "--no-cuda"]) == 0
    gpu, cpu = (scores_of(str(next(Path(name).glob("*/predictions.csv")))) for name in ("gpu", "cpu"))
    np.testing.assert_allclose(list(gpu.values()), list(cpu.values()), rtol=1e-3, atol=1e-3)


@pytest.fixture
def little_memory() -> Iterator[None]:
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(1.2e9 / total)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)


def test_a_forward_that_is_too_large_is_halved(
    exact: None, model: Callable[..., Path], little_memory: None
) -> None:
    file = model(1, size=224, arch="efficientnet_b0")
    crops = np.random.default_rng(0).integers(0, 256, (300, 1, 3, 224, 224), np.uint8)
    scorer = load_scorer(file, "cuda")
    assert scorer.chunk == 256  # of which one layer's output alone takes 1.2 GB
    scores = scorer.score_crops(crops, pad=True).scores
    assert 8 <= scorer.chunk < 256
    assert len(scores) == 300
    few = load_scorer(file, "cpu").score_crops(crops[::60]).scores
    np.testing.assert_allclose(scores[::60], few, rtol=1e-3, atol=1e-3)
