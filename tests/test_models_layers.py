"""Networks and layers of our own against the ones that they stand in for."""

import sys

import pytest
import torch
import torchvision
from torch import nn

from models import create_model
from models.batch_norm import PatientBatchNorm2d
from models.torchvision_source import VIT_SHAPES


@pytest.mark.parametrize("arch", ["vit_b_32", pytest.param("vit_b_16", marks=pytest.mark.slow)])
def test_vit_at_224_is_torchvisions(arch):
    theirs = torchvision.models.get_model(arch, weights=None, num_classes=3).eval()
    nn.init.normal_(theirs.heads.head.weight)
    ours = create_model(arch, 3).eval()
    ours.load_state_dict(theirs.state_dict())
    image = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        assert torch.equal(ours(image), theirs(image))


def test_vit_shapes_are_torchvisions(monkeypatch):
    def shape(patch_size, num_layers, num_heads, hidden_dim, mlp_dim, **_):
        return patch_size, num_layers, num_heads, hidden_dim, mlp_dim

    module = sys.modules["torchvision.models.vision_transformer"]
    monkeypatch.setattr(module, "_vision_transformer", shape)
    assert {arch: getattr(module, arch)() for arch in VIT_SHAPES} == VIT_SHAPES


def test_vit_pads_to_patches_and_resamples_its_table():
    torch.manual_seed(0)
    small, padded = (create_model("vit_b_32", 3, size).eval() for size in [(250, 300), (256, 320)])
    nn.init.normal_(small.heads.head.weight)
    padded.load_state_dict(small.state_dict())
    image = torch.randn(1, 3, 250, 300)
    with torch.no_grad():
        torch.testing.assert_close(small(image), padded(nn.functional.pad(image, (0, 20, 0, 6))))
    table = small.encoder.pos_embedding
    grid = table[0, 1:].reshape(7, 7, -1).permute(2, 0, 1)[None]
    expected = nn.functional.interpolate(grid, size=(8, 10), mode="bicubic")[0].flatten(1).T
    torch.testing.assert_close(small._positions()[0, 1:], expected, rtol=0, atol=1e-6)
    assert torch.equal(small._positions()[0, 0], table[0, 0])
    with pytest.raises(ValueError, match=r"\(250, 300\), not \(224, 224\)"):
        small(torch.zeros(1, 3, 224, 224))


def test_patient_norm_differs_only_for_one_value_a_channel():
    torch.manual_seed(0)
    ours, theirs = PatientBatchNorm2d(4), nn.BatchNorm2d(4)
    image = torch.randn(2, 4, 1, 1)
    assert torch.equal(ours(image), theirs(image))
    before = ours.running_mean.clone()
    one = torch.randn(1, 4, 1, 1)
    expected = (one.flatten() - before) / (ours.running_var + ours.eps).sqrt()
    torch.testing.assert_close(ours(one).flatten(), expected)
    assert torch.equal(ours.running_mean, before)


@pytest.mark.parametrize("size", [(64, 64), (65, 97)])
def test_efficientnet_learns_what_the_packages_own_would(size):
    """The package pads and activates more slowly; outputs, gradients and statistics are the same."""
    from efficientnet_pytorch import EfficientNet

    torch.manual_seed(0)
    theirs = EfficientNet.from_name("efficientnet-b0", num_classes=2, image_size=None).double().train()
    ours = create_model("efficientnet_b0", 2, size).double().train()
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(4, 3, *size, dtype=torch.float64)
    scores = []
    for network in (ours, theirs):
        torch.manual_seed(3)  # of dropout and of the layers that are left out
        scores.append(network(images))
        scores[-1].square().sum().backward()
    torch.testing.assert_close(scores[0], scores[1], rtol=1e-9, atol=1e-12)
    expected = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    largest = max(float(gradient.abs().max()) for gradient in expected.values())
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-7, atol=1e-10 * largest)
    for name, value in ours.named_buffers():
        torch.testing.assert_close(value, theirs.state_dict()[name], rtol=1e-9, atol=1e-12)
