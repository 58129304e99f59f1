"""Which rows make an update, and their weights: whole groups, and the mean over the rows that were read."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import applications.setup.auto_batch as auto_batch
from config import parse_config
from criterions import regress_loss
from dataloader.batches import RowBatches
from dataloader.loaders import eval_loader
from dataloader.string_table import StringTable
from main import main
from rankiqa.views import View
from tests.test_bad_data import truncate
from utils.checkpoint import load_checkpoint

pytestmark = pytest.mark.usefixtures("without_plots")


@pytest.mark.parametrize("rows", [1, 4, 5, 13, 14, 15, 30, 31, 59])
@pytest.mark.parametrize("world_size", [1, 2, 3])
@pytest.mark.parametrize("together", [1, 2, 5])
def test_groups_are_whole_and_rows_come_once(rows: int, world_size: int, together: int) -> None:
    images = np.arange(rows).reshape(-1, 1)
    ranks = [
        RowBatches(images, rows, 2 * together, seed=3, world_size=world_size, rank=rank, together=together)
        for rank in range(world_size)
    ]
    orders = []
    for epoch in range(3):
        for batches in ranks:
            batches.set_position(epoch)
        steps = list(zip(*ranks, strict=True))
        assert len(steps) == len(ranks[0]) == -(-rows // (2 * together * world_size))
        seen: list[int] = []
        for parts in steps:
            kept = [part.rows.tolist() for part in parts if part.weight]
            assert all(len(part) <= 2 * together for part in kept)
            seen += [row for part in kept for row in part]
            for part in kept:
                for group in {row // together for row in part}:
                    whole = range(group * together, min((group + 1) * together, rows))
                    assert set(whole) <= set(part), f"group {group} is cut"
        assert sorted(seen) == list(range(rows))
        orders.append(seen)
    assert rows <= 2 * together or len({tuple(order) for order in orders}) > 1


def test_a_batch_that_would_cut_groups_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["--train", "--criterion", "regress", "--rows_together", "6"]
    assert main([*argv, "-b", "20"]) == 2
    assert "-b 20 must be a multiple of --group_size 6" in capsys.readouterr().err
    assert parse_config([*argv, "-b", "24"]).batch_size == 24
    assert parse_config([*argv, "--auto_batch"]).auto_batch


@pytest.mark.parametrize(("fits", "rows"), [(20, 18), (7, 6), (6, 6)])
def test_auto_batch_takes_whole_groups(
    fits: int, rows: int, workplace: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    workplace("regress", scenes=100)
    argv = "--train --criterion regress --rows_together 6 --auto_batch -g 0".split()
    monkeypatch.setattr(auto_batch, "_on_cpu", lambda config, share: (fits, "so much fits"))
    assert auto_batch.with_auto_batch(parse_config(argv)).batch_size == rows
    monkeypatch.setattr(auto_batch, "_on_cpu", lambda config, share: (5, "so much fits"))
    with pytest.raises(auto_batch.TrainingError, match="not even the 6 rows of --group_size fit"):
        auto_batch.with_auto_batch(parse_config(argv))


def trained(folder: str, *flags: str) -> dict[str, torch.Tensor]:
    """The weights after an epoch of plain SGD; no batch statistics tie the images of a step together."""
    run = "--train -a tests/steady --image_size 32 32 -g 0 -j 0 --no_augment --criterion regress".split()
    run += "--epochs 1 --warmup 0 --lr 1e-2 --optimizer sgd --schedule constant --bad_images skip".split()
    assert main([*run, *flags, "--checkpoint_dir", folder]) == 0
    return load_checkpoint(f"{folder}/checkpoint_tests_steady.pth")["state_dict"]


@pytest.mark.parametrize("bad", [0, 1, 3])
def test_an_update_is_the_mean_over_the_rows_that_were_read(bad: int, workplace: Callable[..., Path]) -> None:
    workplace("regress", scenes=3)  # 9 rows
    start = trained("start", "-b", "9", "--lr", "1e-12")
    for name in ["scene0_0", "scene1_2", "scene2_1"][:bad]:
        truncate(f"data/train/{name}.png")
    joint = trained("joint", "-b", "9")
    parts = trained("parts", "-b", "2", "--accumulate", "5")  # 5 steps, the last of one row, to one update
    moved = max(float((joint[name] - start[name]).abs().max()) for name in joint)
    gap = max(float((joint[name] - parts[name]).abs().max()) for name in joint)
    assert moved > 1e-3 and gap < 1e-3 * moved


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_order_loss_in_blocks(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    scores, mos = rng.normal(size=301) * 2, rng.integers(10, 50, 301) / 10  # many ties
    gaps = mos[:, None] - mos[None]
    hinge = np.maximum(gaps - (scores[:, None] - scores[None]), 0)[gaps > 0]
    tensors = torch.tensor(scores, dtype=dtype, requires_grad=True), torch.tensor(mos, dtype=dtype)
    whole = regress_loss.order_loss(*tensors)
    [gradient] = torch.autograd.grad(whole, tensors[:1])
    for pairs in (1, 7 * 301, 300 * 301, 301 * 301):
        monkeypatch.setattr(regress_loss, "PAIRS", pairs)
        value = regress_loss.order_loss(*tensors)
        exact = 1e-12 if dtype == torch.float64 else 1e-5
        assert value.item() == pytest.approx(hinge.mean(), rel=exact)
        torch.testing.assert_close(torch.autograd.grad(value, tensors[:1])[0], gradient)


def test_validation_with_the_ranking_loss_builds_no_matrix_of_all_pairs() -> None:
    """The most that an operation takes, by torch's profiler; a matrix of all pairs would take 1 GiB."""
    torch.manual_seed(0)
    scores, mos = torch.randn(16384), torch.rand(16384)
    with torch.profiler.profile(profile_memory=True) as profile, torch.inference_mode():
        loss = regress_loss.order_loss(scores, mos)
    assert max(event.self_cpu_memory_usage for event in profile.events()) < 2**25
    some = np.random.default_rng(1).integers(0, 16384, (2, 400_000))
    gaps = (mos[some[0]] - mos[some[1]]).double()
    hinges = (gaps - (scores[some[0]] - scores[some[1]])).clamp_min(0)[gaps > 0]
    assert loss.item() == pytest.approx(hinges.mean().item(), rel=0.02)


@pytest.mark.parametrize(("images", "world_size"), [(7, 2), (9, 2), (8, 3), (1, 3), (33, 4)])
def test_all_processes_validate_in_as_many_batches(images: int, world_size: int) -> None:
    """So that they can agree before each whether to stop."""
    paths = StringTable([f"{number}.png" for number in range(images)])
    view = View("fit", (8, 8), 1)
    parts = [
        list(eval_loader(paths, view, batch_size=4, world_size=world_size, rank=rank).sampler)
        for rank in range(world_size)
    ]
    assert len({len(part) for part in parts}) == 1
    assert sorted(int(number) for part in parts for batch in part for number in batch) == list(range(images))
