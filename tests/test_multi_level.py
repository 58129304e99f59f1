"""The head on the moments of every block, against its definition by hooks and NumPy."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from models import ModelSpec, create_model, load_pretrained, open_model
from models.batch_norm import PatientBatchNorm2d
from utils.checkpoint import save_checkpoint

ARCH = "efficientnet_lite0_multi_level"


def blocks_of(network: torch.nn.Module, images: Tensor) -> list[np.ndarray]:
    """What leaves each block, and the last layer after its ReLU6, as float64."""
    found: list[Tensor] = []
    hooks = [block.register_forward_hook(lambda *given: found.append(given[2])) for block in network._blocks]
    hooks.append(network._bn1.register_forward_hook(lambda *given: found.append(given[2].clamp(0, 6))))
    network(images)
    for hook in hooks:
        hook.remove()
    return [maps.double().numpy() for maps in found]


@torch.inference_mode()
@pytest.mark.parametrize("training", [False, True])
def test_the_output_is_that_of_the_definition(training: bool) -> None:
    torch.manual_seed(0)
    network, plain = create_model(ARCH, 2), create_model("efficientnet_lite0", 2)
    assert "the head (_fc) starts anew" in load_pretrained(network, ARCH, folder="no such folder")
    load_pretrained(plain, "efficientnet_lite0", folder="no such folder")
    network._fc.norm.running_mean.normal_(1)
    network._fc.norm.running_var.uniform_(0.5, 2)
    network._fc.dropout = 0
    before = network._fc.norm.running_mean.numpy().copy(), network._fc.norm.running_var.numpy().copy()
    network.eval()
    network._fc.train(training)
    images = torch.rand(3, 3, 97, 128) * 2 - 1
    maps = blocks_of(plain.eval(), images)
    moments = np.concatenate(
        [part for one in maps for part in (one.mean((2, 3)), np.sqrt(one.var((2, 3)) + 1e-6))], axis=1
    )
    mean, variance = (moments.mean(0), moments.var(0)) if training else before
    standard = (moments - mean) / np.sqrt(variance + 1e-5) / np.sqrt(moments.shape[1])
    weight, bias = network._fc.weight.double().numpy(), network._fc.bias.double().numpy()
    assert moments.shape == (3, 2 * (1808 + 1280))
    np.testing.assert_allclose(network(images).numpy(), standard @ weight.T + bias, atol=2e-4)


def test_one_flat_image_has_finite_gradients() -> None:
    network = create_model(ARCH, 1)
    network(torch.zeros(1, 3, 64, 64)).sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


def test_no_block_is_left_out_in_training() -> None:
    network = create_model(ARCH, 1).train()
    for module in network.modules():
        if isinstance(module, PatientBatchNorm2d):
            module.eval()
    network._fc.dropout = 0
    images = torch.rand(4, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(network(images), network(images))


def test_a_checkpoint_under_the_earlier_name(tmp_path: Path) -> None:
    """Version 1 called the features "every block"; its files hold that name, and are named after it."""
    network = create_model("efficientnet_lite0_every_block", 1)
    spec = ModelSpec(arch="efficientnet_lite0_every_block")
    state = {"state_dict": network.state_dict(), "spec": spec.to_dict()}
    save_checkpoint(tmp_path / "model_best_efficientnet_lite0_every_block.pth", state)
    loaded, held = open_model(tmp_path / "model_best_efficientnet_lite0_multi_level.pth")
    assert held.arch == "efficientnet_lite0_every_block"
    images = torch.rand(2, 3, 64, 64)
    assert torch.equal(loaded(images), network.eval()(images))
