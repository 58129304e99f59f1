"""What a file holds of the device it was made on must not bind it: "meta" stands for a GPU here."""

from pathlib import Path

import pytest
import torch

from deploy.export import export
from deploy.formats import pt2
from deploy.formats.pt2 import open_file as open_pt2
from deploy.formats.torchscript import open_file as open_torchscript
from optim.optimizers import create_optimizer, load_optimizer_state
from rankiqa.spec import ModelSpec
from tests.conftest import small_network
from utils.errors import WeightsError

SPEC = ModelSpec("x", 5, image_size=(32, 32))  # scores of 5 ratings make a tensor of them


def test_a_pt2_file_runs_on_another_device(tmp_path: Path) -> None:
    path = tmp_path / "a.pt2"
    export(small_network(5), SPEC, "pt2", path)
    module, _ = open_pt2(path, "meta")
    score, logits = module(torch.empty(3, 3, 32, 32, device="meta"))
    assert (score.shape, logits.shape) == ((3,), (3, 5))
    assert score.device.type == logits.device.type == "meta"


def test_a_graph_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the sizes in the archive: the reader of torch 2.11 tells none."""
    path = tmp_path / "a.pt2"
    export(small_network(5), SPEC, "pt2", path)
    monkeypatch.setattr(pt2, "_LARGEST", 10_000)
    with pytest.raises(WeightsError, match=r"\w+.json is too large to be a graph; not opened"):
        open_pt2(path)


def test_a_traced_file_makes_its_tensors_on_another_device(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    export(small_network(5), SPEC, "torchscript", path)
    module, _ = open_torchscript(path, "meta")
    constants = module.graph.findAllNodes("prim::Constant")
    devices = [node.s("value") for node in constants if node.output().type().kind() == "DeviceObjType"]
    assert devices and set(devices) == {"meta"}
    assert {value.device.type for value in module.state_dict().values()} == {"meta"}


def test_how_a_step_is_computed_belongs_to_the_device() -> None:
    def made() -> torch.optim.Optimizer:
        network = torch.nn.Linear(3, 2)
        network(torch.ones(1, 3)).sum().backward()
        return create_optimizer("adam", network.parameters(), lr=0.1, weight_decay=0.5, momentum=0.8)

    saved, other = made(), made()
    saved.step()
    state = saved.state_dict()
    state["param_groups"][0].update(fused=True, foreach=False, lr=0.7)  # as on a GPU
    load_optimizer_state(other, state)
    [group] = other.param_groups
    assert (group["fused"], group["foreach"], group["lr"]) == (None, None, 0.7)
    assert all(entry["step"].device.type == "cpu" for entry in other.state.values())
