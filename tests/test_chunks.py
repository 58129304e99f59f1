"""How many crops go through a network at once, on a CPU and on a GPU, whose part a fake engine plays."""

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from applications.behaviour import judge
from applications.evaluation import logits as scoring
from dataloader.loaders import eval_loader
from dataloader.string_table import StringTable
from deploy.engines import Scorer
from deploy.engines.torch_modules import TorchEngine
from models.normalise import NormalisePixels
from rankiqa.batch.pipeline import score_paths
from rankiqa.chunks import Chunks
from rankiqa.engines.onnx import OnnxEngine
from rankiqa.quality_map import quality_map
from rankiqa.serve.batching import Batcher
from rankiqa.spec import ModelSpec
from rankiqa.views import View
from tests.conftest import texture
from utils.distributed import Process


class Mean:
    """Scores a crop by its mean; a "GPU" whose memory holds `room` crops."""

    name = "torch"
    streams = 1

    def __init__(self, device: str, chunk: int, room: int = 10_000) -> None:
        self.device, self.chunk, self.room = device, chunk, room
        self.batches: list[int] = []

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        if len(crops) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        self.batches.append(len(crops))
        return crops.mean(axis=(1, 2, 3), dtype=np.float64)[:, None].astype(np.float32)


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    """20 images, of which number 7 can't be read."""
    found = [tmp_path / f"{number:02}.png" for number in range(20)]
    for number, path in enumerate(found):
        texture(number, number / 10).save(path)
    found[7].write_bytes(b"no image")
    return list(map(str, found))


def mean_of(path: str, view: View) -> float:
    image = Image.open(path).convert("RGB")
    return float(np.mean([crop.mean(dtype=float) for crop in view.evaluate(image)]))


@pytest.mark.parametrize(("view", "crops"), [("fit", 1), ("patches", 5)])
@pytest.mark.parametrize(
    ("device", "chunk", "fullest"), [("cuda", 16, {1: 16, 5: 16}), ("cpu", 4, {1: 4, 5: 4})]
)
def test_predict_gathers_the_crops_of_several_images(
    device: str, chunk: int, fullest: dict[int, int], view: str, crops: int, paths: list[str]
) -> None:
    engine = Mean(device, chunk)
    scorer = Scorer(engine, ModelSpec("x", image_size=(32, 32), view=view, patches=5))
    rows = [row for group in score_paths(paths, scorer, decoders=3) for row in group]
    assert [row.path for row in rows] == paths  # in the order of the input
    assert rows[7].error
    del rows[7]
    for row in rows:
        assert row.score == pytest.approx(mean_of(row.path, scorer.view), abs=1e-3)
    assert max(engine.batches) == fullest[crops]
    if device == "cuda":
        least = -(-19 * crops // chunk)
        assert least <= len(engine.batches) <= least + 3
    else:
        assert set(engine.batches) == {4}  # filled up, so that a score has the same bits in any company


@pytest.mark.parametrize("room", [9, 3, 1])
def test_a_gpu_without_the_memory_takes_fewer(room: int, paths: list[str]) -> None:
    engine = Mean("cuda", 64, room)
    scorer = Scorer(engine, ModelSpec("x", image_size=(32, 32)))
    rows = [row for group in score_paths(paths, scorer, decoders=3) for row in group]
    assert [row.path for row in rows] == paths
    for row in rows[:7] + rows[8:]:
        assert row.score == pytest.approx(mean_of(row.path, scorer.view), abs=1e-3)
    assert room / 2 < scorer.chunk <= room


def test_other_errors_of_a_forward_and_no_room_at_all_are_raised() -> None:
    def broken(place: slice, size: int) -> None:
        raise RuntimeError("something else")

    def full(place: slice, size: int) -> None:
        raise RuntimeError(
            "The following operation failed in the TorchScript interpreter. CUDA out of memory"
        )

    with pytest.raises(RuntimeError, match="something else"):
        Chunks(8).run(broken, 3)
    with pytest.raises(RuntimeError, match="out of memory"):
        Chunks(8).run(full, 3)


def test_the_number_belongs_to_engine_and_device() -> None:
    assert [TorchEngine(None, device).chunk for device in ("cpu", "cuda")] == [4, 256]
    assert [OnnxEngine(None, device).chunk for device in ("cpu", "cuda")] == [1, 256]


def test_the_service_fills_a_forward_of_a_gpu() -> None:
    engine, held = Mean("cuda", 64), threading.Event()
    own = engine.__call__

    class Slow(Mean):
        def __call__(self, crops: np.ndarray) -> np.ndarray:
            held.wait(20)
            return own(crops)

    slow = Slow("cuda", 64)
    batcher = Batcher(Scorer(slow, ModelSpec("x", image_size=(8, 8))))
    crops = np.random.default_rng(0).integers(0, 256, (101, 1, 3, 8, 8), np.uint8)
    futures = [batcher.submit(one) for one in crops]
    held.set()
    scores = [float(future.result(20).scores[0]) for future in futures]
    batcher.close()
    np.testing.assert_allclose(scores, crops.mean(axis=(1, 2, 3, 4)), atol=1e-3)
    assert max(engine.batches) == 64 and len(engine.batches) <= 4


@pytest.mark.parametrize("view", ["fit", "patches"])
def test_a_map_is_the_same_by_rows_and_by_large_forwards(view: str) -> None:
    spec = ModelSpec("x", image_size=(32, 32), view=view)
    image = texture(1, 0.5, (200, 150))
    small, large = Mean("cpu", 4), Mean("cuda", 256)
    maps = [quality_map(image, Scorer(engine, spec)).values for engine in (small, large)]
    np.testing.assert_allclose(*maps, atol=1e-3)
    if view == "patches":
        assert len(large.batches) == 1 < len(small.batches)


def test_behaviour_is_the_same_in_large_forwards(paths: list[str]) -> None:
    spec = ModelSpec("x", image_size=(64, 64))
    clean = list(map(Path, paths[:2]))
    small, large = Mean("cpu", 4), Mean("cuda", 64)
    one, other = (judge(Scorer(engine, spec), clean, workers=1) for engine in (small, large))
    assert len(large.batches) < len(small.batches) / 4
    assert one.ladders.keys() == other.ladders.keys()
    for kind, ladders in one.ladders.items():
        np.testing.assert_allclose(ladders, other.ladders[kind], atol=1e-3)
    assert one.below_clean() == other.below_clean()


@pytest.mark.parametrize(("view", "crops"), [("fit", 1), ("patches", 5)])
def test_evaluation_fills_forwards_over_batches(
    view: str, crops: int, paths: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(scoring.CHUNK, "cpu", 16)
    batches: list[int] = []

    class Network(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            batches.append(len(images))
            return images.mean(dim=(1, 2, 3))[:, None]

    readable = paths[:7] + paths[8:]
    table = StringTable(readable)
    loader = eval_loader(table, View(view, (32, 32), 5), batch_size=3)
    plain = NormalisePixels((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    logits = scoring.predict_outputs(Network(), plain, loader, len(readable), Process()).logits
    expected = [mean_of(path, View(view, (32, 32), 5)) / 255 for path in readable]
    np.testing.assert_allclose(logits[:, 0], expected, atol=1e-5)
    assert batches == [16] * -(-19 * crops // 16)  # every forward is full but for the padding of the last
