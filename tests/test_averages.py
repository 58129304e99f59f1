"""Oracles: the recursions of EMA and SWA written out, batch statistics by NumPy, and exact repetition."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from applications import train
from main import main
from models.normalise import Normalise, to_unit
from optim.averages import Averages
from rankiqa.image import read_rgb
from rankiqa.spec import ModelSpec
from rankiqa.views import View
from tests.conftest import lively
from tests.small_arch import SMALL_ARCH
from tests.test_continue import FILE, RUN, StopAfter, assert_equal
from utils.checkpoint import load_checkpoint

pytestmark = pytest.mark.usefixtures("without_plots")
BEST = "model_best_tests_small.pth"


def test_ema_is_the_recursion() -> None:
    network = nn.Linear(3, 2)
    averages = Averages(network, ema=0.9)
    expected = None
    for _ in range(5):
        with torch.no_grad():
            network.weight += torch.randn(2, 3)
        averages.after_update()
        now = network.weight.detach().clone()
        expected = now if expected is None else 0.9 * expected + 0.1 * now
    torch.testing.assert_close(averages.averaged_model.weight, expected)
    assert averages.averaged_model is not network


def test_swa_is_the_mean_of_late_epochs_with_batch_statistics_of_its_own() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    averages = Averages(network, swa_from=2)
    inputs = [torch.randn(5, 3, 6, 6) for _ in range(3)]
    seen = []
    for epoch in range(5):
        with torch.no_grad():
            network[0].weight += torch.randn(4, 3, 1, 1)
        averages.after_epoch(epoch, iter(inputs))
        seen.append(network[0].weight.detach().clone())
        assert (averages.averaged_model is network) == (epoch < 2)
    torch.testing.assert_close(averages.averaged_model[0].weight, sum(seen[2:]) / 3)
    with torch.no_grad():
        means = [averages.averaged_model[0](batch).mean(dim=(0, 2, 3)).numpy() for batch in inputs]
    np.testing.assert_allclose(averages.averaged_model[1].running_mean, np.mean(means, axis=0), atol=1e-6)


def batch_norm(frozen: bool = False) -> nn.Sequential:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).train(not frozen)
    network[1].running_mean.fill_(5)
    network[1].running_var.fill_(7)
    return network


def test_swa_of_one_image_a_step_takes_the_mean_of_their_statistics() -> None:
    """Which is what the network was normalised by as it learnt; NumPy computes it."""
    network = batch_norm()
    averages = Averages(network, swa_from=0)
    images = torch.randn(17, 3, 6, 6)
    averages.after_epoch(0, iter(images.split(1)))
    with torch.no_grad():
        features = network[0](images).numpy().reshape(17, 4, -1)
    np.testing.assert_allclose(averages.averaged_model[1].running_mean, features.mean(axis=(0, 2)), atol=1e-6)
    variances = features.var(axis=2, ddof=1).mean(axis=0)
    np.testing.assert_allclose(averages.averaged_model[1].running_var, variances, rtol=1e-5)
    assert averages.averaged_model[1].momentum == network[1].momentum == 0.1


def test_swa_weights_batches_by_their_images() -> None:
    network = batch_norm()
    averages = Averages(network, swa_from=0)
    images = torch.randn(14, 3, 6, 6)
    averages.after_epoch(0, iter(images.split([12, 2])))
    with torch.no_grad():
        mean = network[0](images).mean(dim=(0, 2, 3)).numpy()
    np.testing.assert_allclose(averages.averaged_model[1].running_mean, mean, atol=1e-6)


@pytest.mark.parametrize(("frozen", "images"), [(True, 16), (False, 0)])
def test_swa_keeps_statistics_that_are_frozen_or_have_no_images(frozen: bool, images: int) -> None:
    network = batch_norm(frozen)
    averages = Averages(network, swa_from=0)
    for epoch in range(2):
        averages.after_epoch(epoch, iter(torch.randn(images, 3, 6, 6).split(1)) if images else iter(()))
    assert averages.averaged_model is not network
    assert averages.averaged_model[1].running_mean.tolist() == [5] * 4
    assert averages.averaged_model[1].running_var.tolist() == [7] * 4


def statistics(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value for name, value in state.items() if "running" in name}


@pytest.mark.parametrize("task", ["regress", "rank"])
def test_one_row_a_step_with_swa_keeps_a_working_model(task: str, workplace: Callable[..., Path]) -> None:
    """Each image stands in as many rows, so that the mean of the first layer is that over all images."""
    folder = workplace(task)
    still = [*RUN, "-b", "1", "--criterion", task, "-j", "0", "--lr", "1e-12", "--wd", "0", "--warmup", "0"]
    assert main([*still, "--view", "fit", "--no_augment", "--epochs", "1", "--swa"]) == 0
    best = load_checkpoint(Path("checkpoints") / BEST)
    assert all(value.any() and not (value == 1).all() for value in statistics(best["state_dict"]).values())
    spec = ModelSpec.from_dict(best["spec"])
    view, normalise = View("fit", spec.image_size, 1), Normalise(spec.mean, spec.std)
    files = sorted((folder / "data/train").glob("*.png"))
    inputs = torch.cat(
        [normalise(to_unit(torch.from_numpy(view.evaluate(read_rgb(file))))) for file in files]
    )
    first = torch.nn.functional.conv2d(inputs, best["state_dict"]["features.0.0.weight"], stride=2, padding=1)
    torch.testing.assert_close(
        best["state_dict"]["features.0.1.running_mean"], first.mean(dim=(0, 2, 3)), rtol=1e-3, atol=1e-4
    )


def test_swa_leaves_a_frozen_backbone_alone(workplace: Callable[..., Path]) -> None:
    workplace("regress")
    state = lively(SMALL_ARCH, 1, (48, 48)).state_dict()
    torch.save(state, "plain.pth")
    run = [
        *RUN,
        "--criterion",
        "regress",
        "-j",
        "0",
        "--resume",
        "plain.pth",
        "--swa",
        "0.1",
        "--epochs",
        "2",
    ]
    assert main([*run, "--freeze_backbone", "2"]) == 0
    assert_equal(statistics(load_checkpoint(Path("checkpoints") / BEST)["state_dict"]), statistics(state))
    assert main([*run, "--freeze_backbone", "1", "--checkpoint_dir", "later"]) == 0
    averaged = load_checkpoint(Path("later") / FILE)["averaged"]
    assert not torch.equal(averaged["module.features.0.1.running_mean"], state["features.0.1.running_mean"])


@pytest.fixture(scope="module")
def unbroken() -> Callable[[list[str]], dict[str, Any]]:
    """What a whole run leaves, by file; its data are the same in every test, so it runs once."""
    done: dict[str, dict[str, Any]] = {}

    def run(argv: list[str]) -> dict[str, Any]:
        if repr(argv) not in done:
            assert main([*argv, "--checkpoint_dir", "whole"]) == 0
            done[repr(argv)] = {name: load_checkpoint(Path("whole") / name) for name in (FILE, BEST)}
        return done[repr(argv)]

    return run


@pytest.mark.parametrize("flags", [["--ema", "0.6"], ["--swa", "0.3"]])
@pytest.mark.parametrize("after", [4, 7])
def test_averages_continue_bit_for_bit(
    flags: list[str],
    after: int,
    workplace: Callable[..., Path],
    unbroken: Callable[[list[str]], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workplace("regress")
    run = [*RUN, *flags, "--criterion", "regress", "-j", "0"]
    whole = unbroken(run)
    with monkeypatch.context() as patch:
        patch.setattr(train, "StopSignals", lambda: StopAfter(after))
        assert main([*run, "--checkpoint_dir", "parts"]) == 130
    assert main(["--train", "--continue", f"parts/{FILE}"]) == 0
    parts = load_checkpoint(Path("parts") / FILE)
    assert_equal(whole[FILE]["state_dict"], parts["state_dict"])
    assert_equal(whole[FILE]["averaged"], parts["averaged"])
    assert_equal(whole[BEST]["state_dict"], load_checkpoint(Path("parts") / BEST)["state_dict"])


def test_the_average_is_what_is_kept_as_best(workplace: Callable[..., Path]) -> None:
    workplace("regress")
    # the loss falls from epoch to epoch only in the data's favour: one epoch, so that it is the best
    run = ["--criterion", "regress", "-j", "0", "--epochs", "1", "--warmup", "0"]
    assert main([*RUN, *run, "--ema", "0.5"]) == 0
    checkpoint = load_checkpoint(Path("checkpoints") / FILE)
    averaged = {
        name.removeprefix("module."): value
        for name, value in checkpoint["averaged"].items()
        if name.startswith("module.")
    }
    best = load_checkpoint(Path("checkpoints") / BEST)["state_dict"]
    assert_equal(best, averaged)
    assert any(not torch.equal(best[name], checkpoint["state_dict"][name]) for name in best)


def test_both_averages_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--train", "--ema", "0.9", "--swa"]) == 2
    assert "give one of them" in capsys.readouterr().err


def test_metrics_have_one_line_an_epoch_after_a_stop(
    workplace: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    workplace("rank")
    with monkeypatch.context() as patch:
        patch.setattr(train, "StopSignals", lambda: StopAfter(4))
        assert main([*RUN, "-j", "0"]) == 130
    [path] = Path("logs").glob("*/metrics.jsonl")
    with path.open("a", encoding="utf-8") as file:  # as a run that was killed before its checkpoint
        file.write('{"epoch": 2, "train_loss": null}\n')
    assert main(["--train", "--continue", f"checkpoints/{FILE}"]) == 0
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert all(line["train_loss"] is not None and line["seconds"] > 0 for line in lines)


def test_a_profile_names_the_parts_of_a_step(workplace: Callable[..., Path]) -> None:
    workplace("rank", 4)
    assert main([*RUN, "-j", "0", "--epochs", "1", "--warmup", "0", "--profile", "3"]) == 0
    [table] = Path("logs").glob("*/profile.txt")
    lines = table.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("3 steps")
    parts = {line.split()[0]: float(line.split()[1]) for line in lines[3:8]}
    assert list(parts) == ["data", "forward", "backward", "optimizer", "other"]
    assert all(parts[name] > 0 for name in ("data", "forward", "backward", "optimizer"))
    trace = json.loads(table.with_name("trace.json").read_text(encoding="utf-8"))
    assert sum(event.get("name") == "backward" for event in trace["traceEvents"]) >= 3


@pytest.mark.parametrize("amp", ["bf16", "fp16"])
def test_mixed_precision_stays_near_and_continues(
    amp: str, workplace: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    workplace("rank")
    run = [*RUN, "--image_size", "32", "32", "--patches", "1", "-j", "0"]
    run += ["--epochs", "2", "--lr", "1e-5", "--warmup", "0"]
    assert main([*run, "--checkpoint_dir", "full"]) == 0
    assert main([*run, "--amp", amp, "--checkpoint_dir", "whole"]) == 0
    with monkeypatch.context() as patch:
        patch.setattr(train, "StopSignals", lambda: StopAfter(3))
        assert main([*run, "--amp", amp, "--checkpoint_dir", "parts"]) == 130
    assert main(["--train", "--continue", f"parts/{FILE}"]) == 0
    full, mixed, parts = (
        load_checkpoint(Path(name) / FILE)["state_dict"] for name in ("full", "whole", "parts")
    )
    assert_equal(mixed, parts)
    assert any(not torch.equal(full[name], mixed[name]) for name in full)
    for name, value in full.items():
        if value.is_floating_point() and "running" not in name:
            assert (value - mixed[name]).abs().max() < 2e-4  # 6 updates of Adam at 1e-5, and room
    assert bool(load_checkpoint(Path("whole") / FILE)["scaler"]) == (amp == "fp16")
