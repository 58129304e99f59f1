"""Oracles: the update rules written out by hand; the weights of a run that was never stopped."""

import io
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from main import main
from optim.names import CONTIGUOUS, LOOKING_AHEAD, OPTIMIZERS
from optim.optimizers import create_optimizer
from tests.conftest import ROOT
from tests.small_arch import SMALL_ARCH
from utils.checkpoint import load_checkpoint
from utils.seeding import random_states, restore_random_states, seed_everything

pytestmark = pytest.mark.usefixtures("without_plots")

FLAGS = {"lr": 1e-2, "weight_decay": 1e-3, "momentum": 0.9}


def network() -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1)]
    return nn.Sequential(*layers)


def learn(net: nn.Module, optimizer: torch.optim.Optimizer, first: int, last: int) -> None:
    for step in range(first, last):
        images = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad(set_to_none=True)
        (net(images) - 1).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("lookahead", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_learns_and_continues_bit_for_bit(name: str, lookahead: bool) -> None:
    nets = [network() for _ in range(3)]
    make = [create_optimizer(name, net.parameters(), **FLAGS, lookahead=lookahead) for net in nets]
    seed_everything(5)
    learn(nets[0], make[0], 0, 8)
    seed_everything(5)
    learn(nets[1], make[1], 0, 4)
    file = io.BytesIO()
    torch.save([nets[1].state_dict(), make[1].state_dict(), random_states()], file)
    file.seek(0)
    weights, state, random = torch.load(file, weights_only=True)
    nets[2].load_state_dict(weights)
    make[2].load_state_dict(state)
    np.random.random(7)  # noqa: NPY002  # another process has drawn what it has
    restore_random_states(random)
    learn(nets[2], make[2], 4, 8)
    for new, whole, parts in zip(
        network().parameters(), *(nets[i].parameters() for i in (0, 2)), strict=True
    ):
        assert whole.isfinite().all()
        assert not torch.equal(new, whole)
        assert torch.equal(whole, parts)


RUN = "--train -a tests/small --image_size 32 32 -g 0 -j 0 -b 3 --criterion regress".split()


def trains(name: str, *flags: str) -> None:
    """Two epochs, of which the backbone learns in the second alone, move all of its weights that learn."""
    argv = [*RUN, "--optimizer", name, "--epochs", "2", "--warmup", "0", "--freeze_backbone", "1", *flags]
    assert main([*argv, "--checkpoint_dir", name]) == 0
    state = load_checkpoint(f"{name}/checkpoint_tests_small.pth")["state_dict"]
    assert all(value.isfinite().all() for value in state.values())


@pytest.mark.parametrize("name", CONTIGUOUS)
def test_training_with_optimizers_that_need_contiguous_weights(
    name: str, workplace, capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("regress", 1)
    trains(name, "--channels_last", "--lookahead", "--no_decay_norm")
    captured = capsys.readouterr()
    assert f"--optimizer {name} needs contiguous weights" in captured.out + captured.err
    trains(name)
    assert "contiguous" not in "".join(capsys.readouterr())
    assert main([*RUN, "--optimizer", name, "--find_lr", "3"]) in (0, 2)  # two steps show no fall


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_trains_in_the_default_layout(name: str, workplace) -> None:
    workplace("regress", 1)
    trains(name)
    if name not in LOOKING_AHEAD:
        trains(name, "--lookahead", "--no_decay_norm")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_other_optimizers_step_in_channels_last(name: str) -> None:
    net = network().to(memory_format=torch.channels_last)
    optimizer = create_optimizer(name, net.parameters(), **FLAGS)
    if name in CONTIGUOUS:
        with pytest.raises(RuntimeError, match="view size"):  # once it does not, the name can go
            learn(net, optimizer, 0, 3)
    else:
        learn(net, optimizer, 0, 3)


def test_ralamb_by_hand() -> None:
    """No step while the variance can't be rectified; then steps along the normalised gradient."""
    weight = nn.Parameter(torch.tensor([[3.0, 4.0]], dtype=torch.float64))
    optimizer = create_optimizer("ralamb", [weight], lr=0.1, weight_decay=0.0, momentum=0.9)
    gradient = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
    weight.grad = gradient.clone()
    optimizer.step()
    moved = torch.tensor([[3.0, 4.0]], dtype=torch.float64) - weight.detach()
    # Rectification waits for n_sma >= 5, so nothing moves at first; the state is gathered meanwhile.
    assert float(moved.abs().max()) == 0
    for _ in range(20):
        weight.grad = gradient.clone()
        optimizer.step()
    moved = torch.tensor([[3.0, 4.0]], dtype=torch.float64) - weight.detach()
    assert (moved > 0).all()
    # Adam's normalisation makes both coordinates move alike, though one gradient is twice the other.
    assert float(moved[0, 0]) == pytest.approx(float(moved[0, 1]), rel=1e-4)


def test_lookahead_by_hand() -> None:
    weight = nn.Parameter(torch.zeros(1))
    sgd = create_optimizer("sgd", [weight], lr=1.0, weight_decay=0.0, momentum=0.0, lookahead=True)
    seen = []
    for _ in range(10):
        weight.grad = torch.ones(1)
        sgd.step()
        seen.append(float(weight.detach()))
    assert seen == [-1, -2, -3, -4, -2.5, -3.5, -4.5, -5.5, -6.5, -5.0]


@pytest.mark.parametrize("spare", [False, True])
def test_decay_of_biases_and_norms(spare: bool) -> None:
    net = network()
    before = {name: value.detach().clone() for name, value in net.named_parameters()}
    flags = {"lr": 0.5, "weight_decay": 0.1, "momentum": 0.0, "no_decay_norm": spare}
    optimizer = create_optimizer("sgd", net.parameters(), **flags)
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, value in net.named_parameters():
        factor = 1.0 if spare and name in ("0.bias", "1.weight", "1.bias", "4.bias") else 0.95
        torch.testing.assert_close(value.detach(), before[name] * factor)


def test_list_optimizers_loads_no_torch(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list-optimizers"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert sorted(names) == sorted(OPTIMIZERS)
    assert {"radam", "ranger", "lamb", "novograd", "ralamb", "rangerlars"} <= set(names)
    code = "import sys, main; main.main(['--list_optimizers']); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--optimizer", "lambb"], "lamb"),
        (["--optimizer", "ranger", "--lookahead"], "leave --lookahead out"),
        (["--optimizer", "lamb", "--momentum", "0.5"], "leave --momentum out"),
    ],
)
def test_what_is_refused(flags: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--train", *flags]) == 2
    assert words in capsys.readouterr().err


def test_rangerlars_trains_and_continues(workplace) -> None:
    workplace("regress")
    run = ["--train", "-a", SMALL_ARCH, "--image_size", "32", "32", "-g", "0", "-j", "0", "-b", "2"]
    run += [
        "--criterion",
        "regress",
        "--optimizer",
        "RangerLars",
        "--no_decay_norm",
        "--schedule",
        "constant",
    ]
    assert main([*run, "--epochs", "2", "--checkpoint_dir", "whole"]) == 0
    assert main([*run, "--epochs", "1", "--checkpoint_dir", "parts"]) == 0
    file = "checkpoint_tests_small.pth"
    assert main(["--train", "--continue", f"parts/{file}", "--epochs", "2"]) == 0
    whole, parts = (load_checkpoint(f"{name}/{file}")["state_dict"] for name in ("whole", "parts"))
    assert [name for name in whole if not torch.equal(whole[name], parts[name])] == []
