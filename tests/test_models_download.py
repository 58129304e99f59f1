"""Downloads of weights, from a server inside the test, and what happens without one."""

import hashlib
import http.server
import socket
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from models import create_model, load_pretrained
from models.families import ENTRIES
from utils.errors import WeightsError

ARCH = "shufflenet_v2_x0_5"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def hub(monkeypatch, tmp_path) -> Path:
    """An empty cache of torch.hub."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "hub" / "checkpoints"


@pytest.fixture
def server(tmp_path):
    """A web server of one folder: (folder, address)."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as http_server:
        threading.Thread(target=http_server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{http_server.server_port}"
        http_server.shutdown()


def source(num_classes: int = 5, arch: str = ARCH) -> torch.nn.Module:
    torch.manual_seed(1)
    return create_model(arch, num_classes)


def same(model: torch.nn.Module, state: dict, leave: tuple[str, ...] = ()) -> bool:
    own = model.state_dict()
    return all(torch.equal(own[key], value) for key, value in state.items() if key not in leave)


def publish(monkeypatch, arch: str, url: str | None) -> None:
    monkeypatch.setitem(ENTRIES, arch, replace(ENTRIES[arch], url=lambda _: url, advprop_url=lambda _: url))


def test_download_then_cache(monkeypatch, tmp_path, hub, server):
    folder, address = server
    state = source(1000).state_dict()
    torch.save(state, folder / "file")
    digest = hashlib.sha256((folder / "file").read_bytes()).hexdigest()[:8]
    (folder / "file").rename(folder / f"weights-{digest}.pth")
    publish(monkeypatch, ARCH, f"{address}/weights-{digest}.pth")
    model = create_model(ARCH)
    sentence = load_pretrained(model, ARCH, tmp_path)
    assert f"{address}/weights-{digest}.pth" in sentence and "1000 outputs" in sentence
    assert same(model, state, leave=("fc.weight", "fc.bias"))
    (folder / f"weights-{digest}.pth").unlink()
    assert [path.name for path in hub.iterdir()] == [f"weights-{digest}.pth"]
    publish(monkeypatch, ARCH, f"http://127.0.0.1:9/weights-{digest}.pth")
    load_pretrained(create_model(ARCH), ARCH, tmp_path)


def test_download_with_a_wrong_hash(monkeypatch, tmp_path, hub, server):
    folder, address = server
    torch.save(source().state_dict(), folder / "weights-00000000.pth")
    publish(monkeypatch, ARCH, f"{address}/weights-00000000.pth")
    with pytest.raises(WeightsError, match="invalid hash value"):
        load_pretrained(create_model(ARCH), ARCH, tmp_path)
    assert not list(hub.iterdir())


@pytest.mark.parametrize("advprop", [False, True])
def test_offline_fails_at_once_and_says_what_to_do(monkeypatch, tmp_path, hub, advprop):
    publish(monkeypatch, "efficientnet_b0", "http://127.0.0.1:9/b0-12345678.pth")
    model, start = create_model("efficientnet_b0"), time.monotonic()
    with pytest.raises(WeightsError) as caught:
        load_pretrained(model, "efficientnet_b0", tmp_path, advprop)
    assert time.monotonic() - start < 5
    name = "efficientnet_b0_advprop.pth" if advprop else "efficientnet_b0.pth"
    advice = f"fetch http://127.0.0.1:9/b0-12345678.pth elsewhere and put it at {tmp_path / name}"
    assert advice in str(caught.value)


def test_a_network_that_swallows_everything_fails_in_seconds(monkeypatch, tmp_path, hub):
    def hang(*_, **__):
        time.sleep(30)
        raise socket.gaierror("no answer")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    model, start = create_model(ARCH), time.monotonic()
    with pytest.raises(WeightsError, match="can't download"):
        load_pretrained(model, ARCH, tmp_path)
    assert time.monotonic() - start < 5


def test_timm_download_and_offline(tmp_path, hub, server):
    folder, address = server
    state = source(1000, "timm/resnet10t").state_dict()
    torch.save(state, folder / "weights.pth")
    model = create_model("timm/resnet10t")
    model.pretrained_cfg |= {"hf_hub_id": None, "url": "http://127.0.0.1:9/x.pth"}
    with pytest.raises(WeightsError, match=r"127.0.0.1:9/x.pth elsewhere .*timm_resnet10t\.pth"):
        load_pretrained(model, "timm/resnet10t", tmp_path)
    model.pretrained_cfg["url"] = f"{address}/weights.pth"
    sentence = load_pretrained(model, "timm/resnet10t", tmp_path)
    assert same(model, state, leave=("fc.weight", "fc.bias"))
    assert sentence.endswith("holds a head of 1000 outputs, the network needs 1; the head (fc) starts anew")


def test_timm_hub_is_asked_at_its_address(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    model = create_model("timm/resnet10t")
    with pytest.raises(WeightsError, match=r"127.0.0.1:9/timm/resnet10t.c3_in1k/.*timm_resnet10t\.pth"):
        load_pretrained(model, "timm/resnet10t", tmp_path)
