"""--find_lr, --auto_batch, and the warnings of training that goes nowhere, through the command line."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import applications.setup.auto_batch as auto_batch
from applications.find_lr import smoothed, suggestion
from config import parse_config
from main import main
from tests.small_arch import SMALL_ARCH
from utils.checkpoint import load_checkpoint, save_checkpoint

pytestmark = pytest.mark.usefixtures("without_plots")

SMALL = f"--train -a {SMALL_ARCH} --image_size 64 64 -j 0 -g 0 --warmup 0".split()


def test_find_lr_writes_table_and_plot_and_keeps_nothing(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("regress", scenes=3)
    status = main([*SMALL, "-b", "4", "--criterion", "regress", "--find_lr", "40"])
    captured = capsys.readouterr()
    assert status == 0, captured.err
    folder = next(Path("logs").glob("find_lr_*"))
    with (folder / "find_lr.csv").open(newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    rates = [row["lr"] for row in rows]
    assert rates[0] == pytest.approx(1e-6) and rates[-1] <= 1 and len(rates) <= 40
    assert np.ptp(np.diff(np.log(rates))) < 1e-4  # equal steps of the logarithm
    told = json.loads((folder / "metrics.json").read_text())["suggestion"]
    assert f"suggestion: --lr {told:.1e}" in captured.out
    assert (folder / "find_lr.png").read_bytes()[:4] == b"\x89PNG"
    assert not Path("checkpoints").exists()


@pytest.mark.parametrize(
    ("task", "flags", "steps"),
    [
        ("regress", ["-b", "3"], 10),  # 6 rows: two steps per epoch, the last one as full as the first
        ("regress", ["-b", "6"], 3),  # one step an epoch
        ("regress", ["-b", "4"], 5),
        ("rank", ["-b", "2", "--accumulate", "2"], 7),
        ("emd", ["-b", "2", "--num_classes", "5"], 3),
        ("regress", ["-b", "1"], 6),
        ("regress", ["-b", "9"], 1),
    ],
)
def test_find_lr_over_several_epochs(
    task: str, flags: list[str], steps: int, workplace: Callable[..., Path]
) -> None:
    workplace(task)
    status = main([*SMALL, *flags, "--criterion", task, "--find_lr", str(steps)])
    assert status in (0, 2)  # so few steps need not show a fall
    folder = next(Path("logs").glob("find_lr_*"))
    rows = (folder / "find_lr.csv").read_text().splitlines()[1:]
    assert len(rows) == max(steps, 2)


def test_the_suggestion_is_a_tenth_of_the_lowest() -> None:
    rates = np.geomspace(1e-6, 1, 121)
    losses = 2 + np.log10(rates / 1e-2) ** 2 * 0.1  # a bowl whose lowest point is at 1e-2
    mean, weight, wanted = 0.0, 0.0, []
    for loss in losses:  # the mean with explicit weights
        mean, weight = 0.9 * mean + loss, 0.9 * weight + 1
        wanted.append(mean / weight)
    np.testing.assert_allclose(smoothed(losses), wanted, rtol=1e-12)
    assert 1e-3 <= (suggestion(rates, losses) or 0) <= 3e-3  # smoothing lags nine steps behind
    assert suggestion(rates, np.linspace(1, 2, 121)) is None
    assert suggestion(rates[:3], losses[:3]) is None


AUTO = [*SMALL, "--criterion", "regress", "--auto_batch", "--epochs", "1", "--image_size", "160", "160"]


@pytest.mark.slow
def test_auto_batch_on_a_cpu(workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Really measured, in two processes; a batch keeps ten steps per epoch."""
    workplace("regress", scenes=10)  # 30 rows
    assert main(AUTO) == 0
    told = capsys.readouterr()
    assert "--auto_batch: -b 3 (" in told.err + told.out and "rows would fit" in told.err + told.out
    assert load_checkpoint("checkpoints/checkpoint_tests_small.pth")["config"]["batch_size"] == 3


@pytest.mark.parametrize(
    ("fits", "most", "kept"), [(1000, 100, 100), (1000, 96, 96), (70, 100, 61), (1, 100, 1)]
)
def test_auto_batch_finds_the_largest_that_fits(
    monkeypatch: pytest.MonkeyPatch, fits: int, most: int, kept: int
) -> None:
    """With a memory that is known: all rows, or nine tenths of what the search is sure of."""
    monkeypatch.setattr(auto_batch, "_fits", lambda config, device, images: images <= fits)
    found, _ = auto_batch._on_gpu(parse_config(AUTO), "cuda", most)
    assert kept <= found <= max(1, min(fits, most))


def test_auto_batch_follows_the_memory(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With known peaks in place of measured ones, the memory that is free decides."""
    workplace("regress", scenes=10)
    argv = AUTO
    mib = 2**20
    peaks = {4: 1400.0 * mib, 32: 4200.0 * mib}  # 1000 and 100 per image
    monkeypatch.setattr(auto_batch, "_measured", lambda _, images: peaks[images])
    for free, rows in ((1250 / 0.8 + 1, 2), (1150 / 0.8 + 1, 1)):
        monkeypatch.setattr(auto_batch, "available_memory", lambda free=free: free * mib)
        assert auto_batch.with_auto_batch(parse_config(argv)).batch_size == rows
    monkeypatch.setattr(auto_batch, "available_memory", lambda: (1250 / 0.8 + 1) * mib)
    longer = [*argv, "--epochs", "2", "--cache_size", "100M"]  # a second epoch needs the cache
    assert auto_batch.with_auto_batch(parse_config(longer)).batch_size == 1
    assert auto_batch.with_auto_batch(parse_config([*longer, "--cache", "disk"])).batch_size == 2
    monkeypatch.setattr(auto_batch, "available_memory", lambda: 1000.0 * mib)
    assert main(argv) == 2
    assert "not even one row fits" in capsys.readouterr().err


@pytest.mark.parametrize(("limit", "most"), [(1, 999), (2, 999), (37, 999), (500, 999), (2000, 64)])
def test_the_search_on_a_gpu(monkeypatch: pytest.MonkeyPatch, limit: int, most: int) -> None:
    """A device that holds `limit` images: what is found fits, and is no less than 80% of what could."""
    tried = []

    def fits(_config: object, _device: str, images: int) -> bool:
        tried.append(images)
        return images <= limit

    monkeypatch.setattr(auto_batch, "_fits", fits)
    found, _ = auto_batch._on_gpu(parse_config(["--train"]), "cuda", most)
    assert 0.8 * min(limit, most) - 1 <= found <= min(limit, most) and found >= 1
    assert len(tried) < 25


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_auto_batch_on_a_gpu(workplace: Callable[..., Path]) -> None:
    workplace("regress", scenes=10)
    argv = [flag for flag in SMALL if flag not in ("-g", "0")]
    assert main([*argv, "--criterion", "regress", "--auto_batch", "--epochs", "1"]) == 0


@pytest.mark.parametrize("flag", ["--find_lr", "--auto_batch"])
def test_they_belong_to_training(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-e", "--resume", "m.pth", flag]) == 2
    assert f"{flag} belongs to --train" in capsys.readouterr().err


def constant_model(score: float) -> None:
    """A network whose last layer ignores the image."""
    from models import create_model, head_of
    from rankiqa.spec import ModelSpec

    network = create_model(SMALL_ARCH, 1, (64, 64))
    head = head_of(network)[1]
    with torch.no_grad():
        head.weight.zero_()
        head.bias.fill_(score)
    spec = ModelSpec(SMALL_ARCH, image_size=(64, 64)).to_dict()
    save_checkpoint("constant.pth", {"state_dict": network.state_dict(), "spec": spec})


def told_by(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(argv) == 0
    captured = capsys.readouterr()
    return captured.out + captured.err


def test_equal_scores_and_a_loss_at_the_margin_are_named(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("rank")
    constant_model(0.5)
    argv = [*SMALL, "-b", "3", "--epochs", "1", "--resume", "constant.pth", "--lr", "1e-12", "--wd", "0"]
    said = told_by([*argv, "--margin", "0.7"], capsys)
    assert "every validation image has the score 0.5: the model has collapsed" in said
    assert "the loss of the whole epoch is the margin, 0.7: all scores are equal" in said


def test_labels_without_variance_are_named(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = workplace("emd")
    label = root / "data/train/label.txt"
    names = [line.split(",")[0] for line in label.read_text().splitlines()]
    label.write_text("".join(f"{name},1,2,3,2,1\n" for name in names))
    argv = [*SMALL, "-b", "3", "--epochs", "1", "--criterion", "emd", "--num_classes", "5"]
    assert "all 6 rows have the same label; there is nothing to learn" in told_by(argv, capsys)
