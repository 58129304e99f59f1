"""Oracle: the siamese network, which decodes and forwards both images of every row for itself."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from criterions.factory import create_criterion
from dataloader.batches import StepRows
from dataloader.datasets import TrainDataset
from dataloader.labels import load_labels
from models import create_model
from rankiqa.views import View
from tests.test_pair_batches import chains, random_graph, stars

GRAPHS = {
    "chain of six, all pairs": np.array([(i, j) for i in range(6) for j in range(i + 1, 6)]),
    "chains": chains(2, types=2, levels=3),
    "stars": stars(3, 5),  # 18 images
    "random": np.unique(np.sort(random_graph(24, 10)), axis=0),
}
IMAGES = 20


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("graphs")
    for number in range(IMAGES):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def settle(network: nn.Module) -> None:
    """Batch statistics of some noise, frozen: they would depend on how often an image stands in a batch."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network(torch.rand(8, 3, 40, 48, dtype=torch.float64))
    network.eval()


@pytest.mark.parametrize("arch", ["resnet18", "mobilenet_v3_small"])
@pytest.mark.parametrize("graph", GRAPHS)
def test_loss_and_gradients_equal_those_of_the_siamese_batch(
    graph: str, arch: str, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(images)
    rows = GRAPHS[graph]
    Path("label.txt").write_text("".join(f"{i}.png,{j}.png\n" for i, j in rows), encoding="utf-8")
    labels, step = load_labels("label.txt", "rank"), StepRows(0, np.arange(len(rows)), 1.0)
    torch.manual_seed(0)
    network = (
        create_model(arch).double().eval()
    )  # statistics frozen: they depend on how often an image counts
    criterion = create_criterion("rank", margin=1.0)
    found = []
    for siamese in (False, True):
        batch = TrainDataset(labels, View("fit", (40, 48)), None, siamese)[step]
        assert len(batch.images) == (2 * len(rows) if siamese else len(np.unique(rows)))
        inputs = batch.images.double() / 255
        network.zero_grad()
        if siamese:
            logits = torch.cat([network(inputs[batch.pair_index[:, side]]) for side in (0, 1)])
            pair_index = torch.arange(2 * len(rows)).reshape(2, -1).T
        else:
            logits, pair_index = network(inputs), batch.pair_index
        loss = criterion(logits, pair_index, batch.targets)
        loss.backward()
        gradients = {name: p.grad.clone() for name, p in network.named_parameters()}
        found.append((loss.detach(), gradients))
    (loss, ours), (expected, theirs) = found
    assert abs(loss - expected) <= 1e-5 * expected
    largest = max(float(grad.abs().max()) for grad in theirs.values())
    assert largest > 0
    for name, grad in theirs.items():  # a bias of the last layer moves all scores alike: its gradient is 0
        allowed = 1e-5 * float(grad.abs().max()) + 1e-6 * largest
        assert float((ours[name] - grad).abs().max()) <= allowed, name
