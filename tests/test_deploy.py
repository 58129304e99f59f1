"""TorchScript files: they agree with the model, carry their spec, and a bad one is never left behind."""

import os
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from demos import image_assessment
from deploy.engines import load_scorer
from deploy.export import export
from deploy.formats.torchscript import open_file as open_torchscript
from models import create_model
from rankiqa.spec import ModelSpec
from tests.conftest import texture
from tests.small_arch import SMALL_ARCH
from utils.errors import ExportError, WeightsError


def make(path: Path, num_classes: int = 1, arch: str = SMALL_ARCH) -> ModelSpec:
    spec = ModelSpec(arch, num_classes, image_size=(48, 64), score_range=(-1.0, 2.0))
    torch.manual_seed(0)
    export(create_model(arch, num_classes, spec.image_size), spec, "torchscript", path)
    return spec


def test_the_file_alone_gives_spec_score_and_logits(tmp_path: Path) -> None:
    spec = make(tmp_path / "a.pt", num_classes=5)
    module, read = open_torchscript(tmp_path / "a.pt")
    assert read == spec
    images = torch.rand(3, 3, 48, 64)
    scores, logits = module(images)
    assert scores.shape == (3,)
    assert logits.shape == (3, 5)
    expected = (logits.softmax(1) * torch.arange(1.0, 6.0)).sum(1)
    torch.testing.assert_close(scores, expected)


def test_the_file_normalises_inside(tmp_path: Path) -> None:
    spec = ModelSpec("resnet18", image_size=(32, 32), mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))
    network = create_model("resnet18").eval()
    assert export(network, spec, "torchscript", tmp_path / "a.pt") <= 1e-4
    images = torch.rand(2, 3, 32, 32)
    mean, std = torch.tensor(spec.mean).view(3, 1, 1), torch.tensor(spec.std).view(3, 1, 1)
    with torch.no_grad():
        expected = network((images - mean) / std)
        torch.testing.assert_close(
            open_torchscript(tmp_path / "a.pt")[0](images)[1], expected, atol=1e-5, rtol=0
        )


class DependsOnBatch(nn.Module):
    """Tracing keeps the number of images that it saw, so the file is wrong for any other."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean((1, 2, 3)).unsqueeze(1) + float(len(images))


def test_a_file_that_differs_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="differs from the model"):
        export(DependsOnBatch(), ModelSpec("x", image_size=(8, 8)), "torchscript", tmp_path / "a.pt")
    assert list(tmp_path.iterdir()) == []


def test_files_that_no_scorer_opens(tmp_path: Path) -> None:
    for name, content, words in [
        ("a.pt", b"not a model", "a text file that begins with 'not a model'"),
        ("a.h5", b"", r"\.pt is what --jit writes"),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(WeightsError, match=words):
            load_scorer(tmp_path / name)
    with pytest.raises(WeightsError, match="no such file"):
        load_scorer(tmp_path / "nothing.pt")
    traced = torch.jit.trace(nn.Linear(2, 1), torch.zeros(1, 2))
    torch.jit.save(traced, str(tmp_path / "bare.pt"))
    with pytest.raises(WeightsError, match="no ModelSpec"):
        load_scorer(tmp_path / "bare.pt")


def test_demo_takes_files_folders_and_goes_on_after_a_bad_image(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / "jit.pt", num_classes=3)
    folder = tmp_path / "images"
    folder.mkdir()
    texture(1, 0.0).save(folder / "über all.png")
    (folder / "bad.jpg").write_bytes(b"")
    Image.new("L", (1, 1)).save(tmp_path / "dot.png")
    sheet = tmp_path / "sheet.png"
    argv = [
        "--model",
        str(tmp_path / "jit.pt"),
        "--sheet",
        str(sheet),
        str(folder),
        str(tmp_path / "dot.png"),
    ]
    assert image_assessment.main(argv) == 1
    captured = capsys.readouterr()
    assert "bad.jpg: an empty file" in captured.err
    lines = [line for line in captured.out.splitlines() if line.endswith((".png",)) and "drawn" not in line]
    assert len(lines) == 2
    score, *shares = map(float, lines[0].split()[:4])
    assert sum(shares) == pytest.approx(1, abs=2e-3)
    assert score == pytest.approx(sum((k + 1) * p for k, p in enumerate(shares)), abs=5e-3)
    assert Image.open(sheet).width > 500


def test_the_sheet_shows_any_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path / "jit.pt")
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("$x_{$.png", os.fsdecode(b"\xff.png")):
        texture(1, 0.0).save(folder / name)
    argv = ["--model", str(tmp_path / "jit.pt"), "--sheet", str(tmp_path / "sheet.png"), str(folder)]
    assert image_assessment.main(argv) == 0
    assert r"\udcff.png" in capsys.readouterr().out
    assert Image.open(tmp_path / "sheet.png").width > 500


def test_demo_finds_its_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_assessment, "FOLDERS", (tmp_path, tmp_path / "quick_start"))
    with pytest.raises(WeightsError, match="quick_start"):
        image_assessment.default_model()
    (tmp_path / "quick_start").mkdir()
    (tmp_path / "quick_start" / "jit_vgg11.pt").touch()
    assert image_assessment.default_model().name == "jit_vgg11.pt"
    for age, name in enumerate(["jit_resnet18.pt", "jit_vgg16.pt"]):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    assert image_assessment.default_model().name == "jit_resnet18.pt"
    (tmp_path / "jit_efficientnet_b0.pt").touch()
    assert image_assessment.default_model().name == "jit_efficientnet_b0.pt"
