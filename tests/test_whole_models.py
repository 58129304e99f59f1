"""Models of the view `whole`: every command, engine and format takes images of any size and aspect ratio.

The oracle runs the bare network on the pixels of the view, image by image.
"""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from applications import train
from deploy.engines import load_scorer
from deploy.export import export
from main import main
from models import open_model
from rankiqa.batch.results import read_rows
from rankiqa.quality_map import quality_map
from rankiqa.scorer import Scorer
from rankiqa.serve.batching import Batcher
from rankiqa.spec import ModelSpec
from rankiqa.views import View
from tests.conftest import lively, small_network, texture
from tests.test_continue import StopAfter, assert_equal
from tests.test_export import FILES, need
from utils.checkpoint import load_checkpoint, save_checkpoint

ARCH = "timm/test_resnet"
SIZES = [(96, 128), (200, 90), (40, 300), (64, 64), (128, 96), (96, 128), (500, 400)]
IMAGES = [texture(seed, 0.5 * seed, size) for seed, size in enumerate(SIZES)]
SPEC = ModelSpec(ARCH, image_size=(128, 128), view="whole", mean=(0.4, 0.5, 0.6), criterion="regress")


def by_hand(network: torch.nn.Module, spec: ModelSpec, images: list[Image.Image]) -> np.ndarray:
    scores = []
    for image in images:
        pixels = View("whole", spec.image_size).prepare(image) / 255.0
        unit = (pixels - np.array(spec.mean)) / np.array(spec.std)
        with torch.no_grad():
            scores.append(float(network(torch.tensor(unit.transpose(2, 0, 1)[None], dtype=torch.float32))))
    return np.array(scores)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    network = lively(ARCH, 1, (96, 128))
    path = tmp_path / "a.pth"
    save_checkpoint(path, {"state_dict": network.state_dict(), "spec": SPEC.to_dict()})
    return path


@pytest.mark.parametrize("name", ["torch", *FILES])
def test_engines_agree_on_every_size(name: str, checkpoint: Path, tmp_path: Path) -> None:
    network = lively(ARCH, 1, (96, 128))
    path, engines = checkpoint, ["native"]
    if name != "torch":
        need(name)
        network = small_network(1, (96, 128))  # a file needs no name of an architecture
        path = tmp_path / FILES[name].format("a")
        assert export(network, SPEC, name, path, [View("whole", (128, 128)).evaluate(IMAGES[1])]) <= 1e-4
    expected = by_hand(network, SPEC, IMAGES)
    assert np.ptp(expected) > 1e-3
    if name == "onnx":
        engines.append("auto")
    for engine in engines:
        scorer = load_scorer(path, threads=2, engine=engine)
        assert scorer.spec.view == "whole"
        np.testing.assert_allclose(scorer.score(IMAGES).scores, expected, atol=1e-4)
        crops = [scorer.view.evaluate(image) for image in IMAGES]
        together = scorer.score_crops(crops, pad=True).scores
        alone = [scorer.score_crops([one], pad=True).scores[0] for one in crops]
        assert np.array_equal(together, alone)  # whatever the sizes beside it


def test_multi_level_features_take_every_size(tmp_path: Path) -> None:
    spec = ModelSpec("efficientnet_lite0_multi_level", image_size=(128, 128), view="whole")
    network = lively(spec.arch, 1, (64, 96))
    path = tmp_path / "jit.pt"
    assert export(network, spec, "torchscript", path) <= 1e-4
    found = load_scorer(path, threads=1).score(IMAGES[:3]).scores
    np.testing.assert_allclose(found, by_hand(network, spec, IMAGES[:3]), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pt2", "onnx", "openvino"])
def test_multi_level_features_in_every_format(name: str, tmp_path: Path) -> None:
    need(name)
    spec = ModelSpec("efficientnet_lite0_multi_level", image_size=(128, 128), view="whole")
    network = lively(spec.arch, 1, (64, 96))
    path = tmp_path / FILES[name].format("a")
    assert export(network, spec, name, path) <= 1e-4
    found = load_scorer(path, threads=1).score(IMAGES).scores
    np.testing.assert_allclose(found, by_hand(network, spec, IMAGES), atol=1e-4)


def test_requests_of_several_sizes_are_answered_together(checkpoint: Path) -> None:
    scorer = load_scorer(checkpoint, threads=1)
    batcher = Batcher(scorer)
    futures = [batcher.submit(scorer.view.evaluate(image)) for image in IMAGES]
    found = [float(future.result(60).scores[0]) for future in futures]
    batcher.close()
    alone = [float(scorer.score_crops([scorer.view.evaluate(image)], pad=True).scores[0]) for image in IMAGES]
    assert found == alone


class RedIsGood:
    """An engine for GPUs that remembers the shapes it was given; the score is the mean of red."""

    name, device, chunk, streams = "red", "cuda", 256, 1

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        self.shapes.append(crops.shape)
        return crops[:, 0].mean(axis=(1, 2), dtype=np.float32)[:, None]


def test_images_of_one_size_share_a_forward() -> None:
    engine = RedIsGood()
    scorer = Scorer(engine, SPEC)
    crops = [scorer.view.evaluate(image) for image in IMAGES]
    found = scorer.score_crops(crops, pad=True).scores
    np.testing.assert_allclose(found, [one[0, 0].mean() for one in crops], rtol=1e-6)
    assert engine.shapes[0] == (2, 3, 96, 128) and len(engine.shapes) == len(SIZES) - 1


def test_the_map_covers_the_whole_image(checkpoint: Path) -> None:
    result = quality_map(IMAGES[2], load_scorer(checkpoint, threads=1))
    assert result.image.size == (288, 32) and result.values.shape == (32, 288)


RUN = [
    *(
        "--train",
        "-a",
        ARCH,
        "--view",
        "whole",
        "--image_size",
        "128",
        "128",
        "--train_crop",
        "64",
        "-g",
        "0",
    ),
    *("--criterion", "regress", "--epochs", "2", "-b", "2", "--warmup", "0", "-j", "0", "--lr", "1e-3"),
]
FILE = "timm_test_resnet.pth"


def of_many_sizes(root: Path) -> None:
    """Cut the images of `workplace` to sizes of their own, two of each."""
    for number, path in enumerate(sorted(root.glob("data/*/*.png"))):
        width, height = [(128, 96), (70, 96), (128, 40)][number // 2 % 3]
        Image.open(path).crop((0, 0, width, height)).save(path)


def test_from_training_to_a_page(workplace: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    root = workplace("regress")
    of_many_sizes(root)
    assert main([*RUN, "--checkpoint_dir", "whole"]) == 0
    first = load_checkpoint(root / "whole" / f"checkpoint_{FILE}")
    assert first["spec"]["view"] == "whole" and first["spec"]["image_size"] == [128, 128]
    with monkeypatch.context() as patch:
        patch.setattr(train, "StopSignals", lambda: StopAfter(4))
        assert main([*RUN, "--checkpoint_dir", "parts"]) == 130
    assert main(["--train", "--continue", f"parts/checkpoint_{FILE}"]) == 0
    assert_equal(first["state_dict"], load_checkpoint(root / "parts" / f"checkpoint_{FILE}")["state_dict"])
    best = f"whole/model_best_{FILE}"
    assert main(["-e", "--resume", best, "-g", "0", "-j", "0", "-b", "2"]) == 0
    assert main(["--calibrate", "--resume", best, "-g", "0", "-j", "0"]) == 0
    argv = ["--predict", "data/test", "--resume", best, "--engine", "torch", "--output", "a.csv"]
    assert main([*argv, "--report", "a.html", "--quality_map", "maps"]) == 0
    rows = list(read_rows(root / "a.csv"))
    judged = next((root / "logs").glob("test_*/predictions.csv"))
    evaluated = {row["path"]: float(row["score"]) for row in csv.DictReader(judged.open())}
    expected = by_hand(*open_model(root / best), [Image.open(row.path) for row in rows])
    for row, score in zip(rows, expected, strict=True):
        assert row.score == pytest.approx(score, abs=1e-4)
        assert evaluated[row.path] == pytest.approx(score, abs=1e-4)
    assert len(list((root / "maps").iterdir())) == len(rows) == 6
    assert "view whole" in (root / "a.html").read_text()


def test_int8_is_judged_on_images_of_every_size(
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip(
        "nncf", reason="nncf is in requirements-deploy.txt; too heavy for requirements-dev.txt"
    )
    need("openvino")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "few").mkdir()
    for number in range(12):
        texture(number, number / 6, SIZES[number % len(SIZES)]).save(tmp_path / "few" / f"{number}.png")
    argv = ["--export", "openvino-int8", "--resume", checkpoint.name, "--calibration", "few"]
    assert main([*argv, "--min_srcc", "1.00001"]) == 2
    assert "not written" in capsys.readouterr().err
    assert main([*argv, "--min_srcc", "-1"]) == 0
    assert "12 calibration images" in capsys.readouterr().out
    scores = (
        load_scorer(tmp_path / "checkpoints" / "timm_test_resnet_int8.xml", threads=1).score(IMAGES).scores
    )
    assert np.isfinite(scores).all() and np.ptp(scores) > 0


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([*RUN, "--train_crop", "100"], "multiple of 32"),
        ([*RUN, "--view", "fit"], "--train_crop is for --view whole"),
        ([*RUN, "-a", "vit_b_16", "--train_crop", "224"], "images of one size alone"),
    ],
)
def test_wrong_flags(
    argv: list[str], words: str, workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("regress", scenes=1)
    assert main(argv) == 2
    assert words in capsys.readouterr().err


def test_a_converted_file_keeps_to_its_sizes(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = lively(ARCH, 1, (96, 128))
    folder = checkpoint.parent
    texture(0, 1.0).save(folder / "a.png")
    for spec, name in ((SPEC, "whole"), (replace(SPEC, view="fit"), "fit")):
        export(network, spec, "torchscript", folder / f"{name}.pt")
    predict = ["--predict", str(folder / "a.png"), "--engine", "torch", "--resume"]
    assert main([*predict, str(folder / "whole.pt"), "--image_size", "64", "96"]) == 0
    assert main([*predict, str(folder / "whole.pt"), "--view", "fit"]) == 0
    for name, flags in (
        ("fit", ["--view", "whole"]),
        ("whole", ["--view", "fit", "--image_size", "100", "90"]),
    ):
        capsys.readouterr()
        assert main([*predict, str(folder / f"{name}.pt"), *flags]) == 2
        assert "convert the checkpoint again" in capsys.readouterr().err


def test_a_converted_file_gives_a_map_in_every_view(checkpoint: Path) -> None:
    network = lively(ARCH, 1, (96, 128))
    for view in ("whole", "patches"):
        path = checkpoint.with_name(f"{view}.pt")
        export(network, replace(SPEC, view=view, image_size=(64, 64)), "torchscript", path)
        values = quality_map(IMAGES[0].copy(), load_scorer(path, threads=1)).values
        assert values.ndim == 2
        assert np.isfinite(values).all()
        assert np.ptp(values) > 0
