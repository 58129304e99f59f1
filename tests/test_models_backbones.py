"""Every backbone: trains, takes sizes that are neither square nor round, and traces for any batch."""

import gc
import warnings

import pytest
import torch
from torch import Tensor, nn

from models import create_model, head_of, list_models

SMALL = [
    "resnet18",
    "resnext50_32x4d",
    "shufflenet_v2_x0_5",
    "densenet121",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mnasnet0_5",
    "vgg11_bn",
    "convnext_tiny",
    "efficientnet_v2_s",
    "swin_t",
    "swin_v2_t",
    "vit_b_32",
    "regnet_x_400mf",
    "regnet_y_400mf",
    "efficientnet_b0",
    "efficientnet_lite0",
    "efficientnet_lite0_multi_level",
    "resnest50",
    "resnest50_fast_1s4x24d",
    "timm/resnet10t",
    "timm/convnext_atto",
    "timm/vit_tiny_patch16_224",
    "timm/mobilenetv3_small_050",
    "timm/swin_tiny_patch4_window7_224",
]
# Of families whose other members above run by default.
ALIKE = {
    "resnext50_32x4d",
    "regnet_x_400mf",
    "resnest50_fast_1s4x24d",
    "timm/swin_tiny_patch4_window7_224",
}
DEFAULT = [pytest.param(arch, marks=pytest.mark.slow if arch in ALIKE else ()) for arch in SMALL]
LARGE = [arch for arch in list_models() if arch not in SMALL]
TIMM_MORE = [
    "timm/resnet50",
    "timm/convnext_tiny",
    "timm/vit_small_patch16_224",
    "timm/swinv2_tiny_window8_256",
]


@pytest.fixture
def free_traced_networks():
    yield
    gc.collect()  # they lie in reference cycles; a hundred of them fill 20 GB before Python looks


def build(arch: str, size: tuple[int, int] = (64, 96)) -> nn.Module:
    torch.manual_seed(0)
    model = create_model(arch, 3, size)
    nn.init.normal_(head_of(model)[1].weight, std=0.1)  # ViT's starts at zero, and would hide its backbone
    return model


def train_two_steps(model: nn.Module, size: tuple[int, int]) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    first, last = next(model.parameters()), head_of(model)[1].weight
    before = first.detach().clone(), last.detach().clone()
    for _ in range(2):
        optimizer.zero_grad()
        (model(torch.randn(2, 3, *size)) - 1).square().mean().backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        nn.utils.clip_grad_value_(model.parameters(), 0.1)  # ResNeSt-269 starts with gradients of 1e15
        optimizer.step()
    assert all(parameter.isfinite().all() for parameter in model.parameters())
    assert not torch.equal(first, before[0])
    assert not torch.equal(last, before[1])


def settle(model: nn.Module, size: tuple[int, int]) -> None:
    """Give batch norms statistics of their inputs; with those of the start deep networks fade or explode."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.reset_running_stats()
            module.momentum = None
    with torch.no_grad():
        model.train()(torch.randn(4, 3, *size))
    model.eval()


def traced_difference(model: nn.Module, size: tuple[int, int]) -> float:
    """Worst relative difference between the network and its trace of a batch of 2, on batches of 1 and 3."""
    # what the trace computes is asked for, not how fast: optimising it takes longer than running it
    with warnings.catch_warnings(), torch.no_grad(), torch.jit.optimized_execution(False):
        warnings.simplefilter("ignore")  # tracing is deprecated; Swin and ResNeSt fix sizes
        traced = torch.jit.trace(model, torch.randn(2, 3, *size), check_trace=False)  # done below
        worst = 0.0
        for images in (torch.randn(1, 3, *size), torch.randn(3, 3, *size)):
            logits = model(images)
            assert logits.shape == (len(images), 3)
            assert logits.isfinite().all()
            worst = max(worst, relative(traced(images), logits))
    assert relative(logits[:1], logits[1:2]) > 1e-4, "the logits do not depend on the image"
    return worst


def relative(one: Tensor, other: Tensor) -> float:
    return ((one - other).abs().max() / other.abs().max().clamp_min(1)).item()


def check_head(model: nn.Module, size: tuple[int, int]) -> None:
    """The logits are what `head_of` names and nothing after it: with no weights they are its bias."""
    name, head = head_of(model)
    assert model.get_submodule(name) is head
    with torch.no_grad():
        head.weight.zero_()
        head.bias.copy_(torch.tensor([0.0, 2.0, -3.0]))
        assert torch.equal(model(torch.randn(1, 3, *size)), head.bias[None])


def check(arch: str, record_property) -> None:
    size = (64, 96)
    model = build(arch, size)
    train_two_steps(model, size)
    settle(model, size)
    worst = traced_difference(model, size)
    record_property("worst", worst)
    assert worst <= 1e-4
    check_head(model, size)


@pytest.mark.usefixtures("free_traced_networks")
@pytest.mark.parametrize("arch", DEFAULT)
def test_backbone(arch, record_property):
    check(arch, record_property)


@pytest.mark.slow
@pytest.mark.usefixtures("free_traced_networks")
@pytest.mark.parametrize("arch", LARGE + TIMM_MORE)
def test_large_backbone(arch, record_property):
    check(arch, record_property)


@pytest.mark.parametrize("arch", DEFAULT)
@pytest.mark.parametrize("size", [(32, 32), (65, 97)], ids=str)
def test_odd_and_smallest_sizes(arch, size):
    model = build(arch, size).eval()
    with torch.no_grad():
        logits = model(torch.randn(2, 3, *size))
    assert logits.shape == (2, 3)
    assert logits.isfinite().all()


@pytest.mark.slow
@pytest.mark.parametrize("arch", SMALL)
def test_documented_large_size(arch):
    model = build(arch, (540, 540)).eval()
    with torch.no_grad():
        assert model(torch.randn(1, 3, 540, 540)).isfinite().all()


def test_resnest_trains_on_one_image():
    model = build("resnest50")
    model(torch.randn(1, 3, 64, 96)).sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.usefixtures("free_traced_networks")
@pytest.mark.parametrize(
    "arch", ["efficientnet_b0", "efficientnet_lite0_multi_level", "vit_b_32", "resnet18"]
)
def test_tracing_warns_of_nothing_but_its_deprecation(arch):
    with warnings.catch_warnings(record=True) as caught, torch.no_grad():
        warnings.simplefilter("always")
        torch.jit.trace(build(arch).eval(), torch.randn(2, 3, 64, 96))
    assert not [w for w in caught if issubclass(w.category, torch.jit.TracerWarning)]
