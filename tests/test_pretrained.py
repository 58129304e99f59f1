"""Where pretrained weights come from, and what is refused; no test here leaves the machine."""

import socket

import pytest
import torch

from models import create_model, fit_state, list_models, load_pretrained
from models.families import ENTRIES
from utils.errors import ArchError, WeightsError

ARCH = "shufflenet_v2_x0_5"


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("reached for the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def source(num_classes: int = 5, arch: str = ARCH) -> torch.nn.Module:
    torch.manual_seed(1)
    return create_model(arch, num_classes)


def same(model: torch.nn.Module, state: dict, leave: tuple[str, ...] = ()) -> bool:
    own = model.state_dict()
    return all(torch.equal(own[key], value) for key, value in state.items() if key not in leave)


@pytest.mark.parametrize("prefix", ["", "module.", "module._orig_mod."])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_local_file(tmp_path, no_network, prefix, wrapper):
    state = source().state_dict()
    content = {prefix + key: value for key, value in state.items()}
    torch.save({wrapper: content} if wrapper else content, tmp_path / f"{ARCH}.pth")
    model = create_model(ARCH, 5)
    sentence = load_pretrained(model, "ShuffleNet-V2-x0_5", tmp_path)
    assert same(model, state)
    assert sentence == f"{ARCH}: pretrained weights from {tmp_path / f'{ARCH}.pth'}"


@pytest.mark.parametrize("arch", ["timm/resnet10t", "timm/convnext_atto", "timm/vit_tiny_patch16_224"])
def test_local_timm_file(tmp_path, no_network, arch):
    state = source(5, arch).state_dict()
    torch.save(state, tmp_path / f"{arch.replace('/', '_')}.pth")
    model = create_model(arch, 5, (64, 96))
    load_pretrained(model, arch, tmp_path)
    assert same(model, state)


def test_head_of_another_size_is_new(tmp_path, no_network):
    state = source(5).state_dict()
    torch.save(state, tmp_path / f"{ARCH}.pth")
    model = create_model(ARCH, 3)
    head = model.fc.weight.clone()
    sentence = load_pretrained(model, ARCH, tmp_path)
    assert torch.equal(model.fc.weight, head)
    assert same(model, state, leave=("fc.weight", "fc.bias"))
    assert sentence.endswith("holds a head of 5 outputs, the network needs 3; the head (fc) starts anew")
    assert fit_state(model, model.state_dict(), "file") == []


@pytest.mark.parametrize("arch", ["efficientnet_lite3", "efficientnet_b8"])
def test_unpublished_weights(tmp_path, no_network, arch):
    with pytest.raises(WeightsError, match=f"no pretrained weights are published; .*{arch}.pth"):
        load_pretrained(create_model("efficientnet_lite3"), arch, tmp_path)


def test_advprop_has_its_own_file_and_its_own_networks(tmp_path, no_network):
    plain, advprop = source(5, "efficientnet_b0"), create_model("efficientnet_b0", 5)
    torch.save(plain.state_dict(), tmp_path / "efficientnet_b0.pth")
    model = create_model("efficientnet_b0", 5)
    assert "efficientnet_b0.pth" in load_pretrained(model, "efficientnet_b0", tmp_path, advprop=True)
    torch.save(advprop.state_dict(), tmp_path / "efficientnet_b0_advprop.pth")
    load_pretrained(model, "efficientnet_b0", tmp_path, advprop=True)
    assert same(model, advprop.state_dict())
    with pytest.raises(ArchError, match="resnet18"):
        load_pretrained(model, "resnet18", tmp_path, advprop=True)


def test_every_published_address_carries_its_hash():
    unpublished = {"efficientnet_b8", *list_models("efficientnet_lite*")}
    for arch in set(list_models()) - unpublished:
        url = ENTRIES[arch].url(arch)
        assert url and torch.hub.HASH_REGEX.search(url), arch
    assert all(ENTRIES[arch].advprop_url(arch) for arch in list_models("efficientnet_b?"))
