"""Reading weights files and fitting them into networks."""

import pickle
from collections import OrderedDict
from pathlib import Path

import pytest
import torch

from models import create_model, fit_state
from models.state import read_state
from utils.errors import WeightsError

ARCH = "shufflenet_v2_x0_5"


class Escape:
    """An object whose pickle runs code when it is read."""

    def __reduce__(self):
        return (Path.touch, (Path("escaped"),))


def source(num_classes: int = 5, arch: str = ARCH) -> torch.nn.Module:
    torch.manual_seed(1)
    return create_model(arch, num_classes)


def same(model: torch.nn.Module, state: dict, leave: tuple[str, ...] = ()) -> bool:
    own = model.state_dict()
    return all(torch.equal(own[key], value) for key, value in state.items() if key not in leave)


def test_a_file_without_head_is_taken():
    state = {key: value for key, value in source().state_dict().items() if not key.startswith("fc.")}
    (notice,) = fit_state(create_model(ARCH, 3), state, "body.pth")
    assert notice == "body.pth: it holds no head, the network needs 3; the head (fc) starts anew"


def test_anything_else_is_refused_and_changes_nothing():
    state = source().state_dict()
    state.pop("conv1.0.weight")
    state["strange"] = torch.zeros(1)
    state["conv5.0.weight"] = torch.zeros(1)
    model = create_model(ARCH, 5)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(WeightsError) as caught:
        fit_state(model, state, "other.pth")
    message = str(caught.value)
    assert message.startswith("other.pth: ")
    assert "1 missing: conv1.0.weight;" in message
    assert "1 unexpected: strange;" in message
    assert "1 of another shape: conv5.0.weight ((1,), needs (1024, 192, 1, 1))" in message
    assert same(model, before)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "an empty file: copy or download it again"),
        (b"PK\x03\x04 broken", "a ZIP archive without its end"),
        (pickle.dumps(Escape()), "could run code"),
        ([1, 2], "list, not a state dict"),
        ({"epoch": 3}, "epoch hold no tensors"),
        ({}, "not a state dict"),
    ],
    ids=["empty", "torn", "code", "list", "number", "nothing"],
)
def test_files_that_hold_no_weights(tmp_path, monkeypatch, content, said):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "x.pth"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(WeightsError, match=said) as caught:
        read_state(path)
    assert str(caught.value).startswith(str(path))
    assert not Path("escaped").exists()


def test_published_densenet_names_are_translated():
    state = source(5, "densenet121").state_dict()
    old = {
        key.replace("norm1.", "norm.1.").replace("conv2.", "conv.2.") if "denselayer" in key else key: value
        for key, value in state.items()
        if not key.endswith("num_batches_tracked")
    }
    assert set(old) - set(state)
    model = create_model("densenet121", 5)
    fit_state(model, old, "densenet.pth")
    assert same(model, state)


def test_published_vit_names_and_grids_are_translated():
    torch.manual_seed(1)
    state = create_model("vit_b_32", 5).state_dict()
    old = OrderedDict((key.replace(".mlp.0.", ".mlp.linear_1."), value) for key, value in state.items())
    old["encoder.pos_embedding"] = torch.randn(1, 1 + 12 * 12, 768)  # as if trained at 384 x 384
    model = create_model("vit_b_32", 5, (384, 384))
    parameter = model.encoder.pos_embedding
    fit_state(model, old, "vit.pth")
    assert same(model, state, leave=("encoder.pos_embedding",))
    assert model.encoder.pos_embedding is parameter
    assert torch.equal(model._positions(), old["encoder.pos_embedding"])
    again = create_model("vit_b_32", 5, (64, 96))
    fit_state(again, model.state_dict(), "again.pth")
    assert again(torch.zeros(1, 3, 64, 96)).shape == (1, 5)
    old["encoder.pos_embedding"] = torch.randn(1, 7, 768)
    with pytest.raises(WeightsError, match="pos_embedding"):
        fit_state(again, old, "vit.pth")


def test_mnasnet_loads_from_a_plain_dict():
    state = dict(source(5, "mnasnet0_5").state_dict())  # without the version mark that it insists on
    model = create_model("mnasnet0_5", 5)
    fit_state(model, state, "mnasnet.pth")
    assert same(model, state)
