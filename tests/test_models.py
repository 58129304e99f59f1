"""Names, and the contract of the factory."""

import subprocess
import sys
from pathlib import Path

import pytest
import torchvision
from torch import nn

from models import canonical_arch, create_model, head_of, list_models, normalisation
from models.families import ENTRIES, register
from models.registry import SOURCES, register_source
from models.torchvision_source import torchvision_url
from rankiqa.spec import HALF, IMAGENET_MEAN, IMAGENET_STD
from utils.errors import ArchError

ROOT = Path(__file__).parents[1]
TORCHVISION = [arch for arch, entry in ENTRIES.items() if entry.url is torchvision_url]
ELSEWHERE = ("alexnet", "googlenet", "inception_v3", "maxvit_t", "squeezenet1_0", "squeezenet1_1")


def test_listing_names_loads_no_framework():
    code = (
        "import sys; from models import list_models, create_model, load_pretrained; list_models('resnet*'); "
        "print([name for name in ('torch', 'torchvision', 'timm', 'resnest') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_static_names_are_those_of_the_libraries():
    import resnest.torch
    from efficientnet_pytorch.model import VALID_MODELS
    from resnest.torch import ablation
    from resnest.torch import resnest as plain

    theirs = set(torchvision.models.list_models(module=torchvision.models)) - set(ELSEWHERE)
    theirs |= {name.replace("-", "_") for name in VALID_MODELS} - {"efficientnet_l2"}
    theirs |= {name for name in (*plain.__all__, *ablation.__all__) if callable(getattr(resnest.torch, name))}
    theirs |= {f"efficientnet_lite{size}{head}" for size in range(5) for head in ("", "_multi_level")}
    assert set(list_models()) == theirs
    assert not any(name.startswith("timm/") for name in list_models())


@pytest.mark.parametrize(
    ("name", "arch"),
    [
        ("ResNet18", "resnet18"),
        ("Vgg16", "vgg16"),
        ("VGG16-BN", "vgg16_bn"),
        ("efficientnet-b0", "efficientnet_b0"),
        ("mobilenetv3_small", "mobilenet_v3_small"),
        ("MobileNetV3-Large", "mobilenet_v3_large"),
        ("MobileNetV2", "mobilenet_v2"),
        ("shufflenet_v2_x1.0", "shufflenet_v2_x1_0"),
        ("efficientnet_lite0_every_block", "efficientnet_lite0_multi_level"),
        ("timm/ResNet10t", "timm/resnet10t"),
        ("timm/vit_tiny_patch16_224.augreg_in21k", "timm/vit_tiny_patch16_224.augreg_in21k"),
    ],
)
def test_spellings_are_forgiven(name, arch):
    assert canonical_arch(name) == arch


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("resnet19", "resnet18"),
        ("regnetx16gf", "regnet_x_1_6gf, regnet_x_16gf"),  # 1.6 or 16: not clear, so not guessed
        ("timm/resnet10x", "timm/resnet10t"),
        ("timm/resnet10t.nope", "timm/resnet10t.c3_in1k"),
        ("", "--list_models"),
    ],
)
def test_unknown_names_suggest_near_ones(name, near):
    with pytest.raises(ArchError, match="--list_models") as caught:
        canonical_arch(name)
    assert near in str(caught.value)
    assert repr(name) in str(caught.value)


def test_patterns():
    assert list_models("RESNEXT*") == ["resnext101_32x8d", "resnext101_64x4d", "resnext50_32x4d"]
    assert list_models("efficientnet-lite?") == [f"efficientnet_lite{size}" for size in range(5)]
    assert list_models("multi_level") == [f"efficientnet_lite{size}_multi_level" for size in range(5)]
    assert list_models("efficientnet-b?") == [f"efficientnet_b{size}" for size in range(9)]
    assert "timm/resnet10t" in list_models("timm/resnet1*")
    assert all(name.startswith("timm/") and "swin" in name for name in list_models("timm/swin"))
    assert list_models("nothing") == []


def test_a_name_is_registered_once():
    with pytest.raises(ValueError, match="resnet18"):
        register("resnet18")(ENTRIES["resnet18"].build)


@pytest.mark.parametrize("arch", ["resnet18", "timm/resnet10t"])
def test_too_small_a_size_is_named(arch):
    with pytest.raises(ArchError, match="image_size 31 224 .* 32 pixels"):
        create_model(arch, image_size=(31, 224))


@pytest.mark.parametrize("arch", ["timm/test_maxvit", "timm/efficientformer_l1", "timm/resnetv2_50x1_bit"])
def test_timm_networks_that_cannot_serve_are_refused(arch):
    with pytest.raises(ArchError, match=arch.removeprefix("timm/") if "bit" not in arch else "linear layer"):
        create_model(arch, image_size=(65, 97))


def test_no_classes_is_refused():
    with pytest.raises(ArchError, match="num_classes is 0"):
        create_model("resnet18", num_classes=0)


def test_normalisation():
    imagenet = (IMAGENET_MEAN, IMAGENET_STD)
    assert normalisation("resnet18", pretrained=True) == imagenet
    assert normalisation("efficientnet-b0", pretrained=True) == imagenet
    assert normalisation("efficientnet_b0", pretrained=True, advprop=True) == (HALF, HALF)
    assert normalisation("efficientnet_lite0") == (HALF, HALF)
    assert normalisation("timm/vit_tiny_patch16_224") == imagenet
    assert normalisation("timm/vit_tiny_patch16_224", pretrained=True) == (HALF, HALF)
    with pytest.raises(ArchError, match="efficientnet_b0 to efficientnet_b8, .* is resnet18"):
        normalisation("resnet18", advprop=True)


def test_normalisation_is_that_of_torchvisions_weights():
    for arch in TORCHVISION:
        preset = torchvision.models.get_model_weights(arch).DEFAULT.transforms()
        assert (tuple(preset.mean), tuple(preset.std)) == normalisation(arch), arch


def test_head_of_a_network_without_one():
    with pytest.raises(ArchError, match="Sequential ends in no single linear layer"):
        head_of(nn.Sequential(nn.Conv2d(3, 3, 1)))


def test_a_prefix_is_registered_once():
    with pytest.raises(ValueError, match="'timm/'"):
        register_source(SOURCES["timm/"])
