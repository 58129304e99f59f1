"""Converted files: they agree with the model, carry their spec and can't run code."""

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models.regnet import BlockParams, RegNet

from deploy.export import export, largest_difference
from deploy.formats.pt2 import open_file as open_pt2
from deploy.formats.torchscript import open_file as open_torchscript
from main import main
from models import head_of
from rankiqa.spec import ModelSpec
from tests.conftest import lively, small_network, texture
from tests.small_arch import SMALL_ARCH
from utils.checkpoint import load_checkpoint, save_checkpoint
from utils.errors import ConfigError, ExportError, WeightsError

NEEDS = {"pt2": (), "onnx": ("onnx", "onnxscript", "onnxruntime"), "openvino": ("openvino",)}
FILES = {"pt2": "{}.pt2", "onnx": "{}.onnx", "openvino": "{}.xml", "torchscript": "jit_{}.pt"}


def need(name: str) -> None:
    for package in NEEDS.get(name, ()):
        pytest.importorskip(package, reason=f"{package} is in requirements-deploy.txt")


SMALL_FILE = "tests_small"


def write_checkpoint(
    path: Path, num_classes: int = 1, view: str = "fit", arch: str = SMALL_ARCH
) -> ModelSpec:
    spec = ModelSpec(
        arch,
        num_classes,
        image_size=(48, 64),
        view=view,
        patches=4,
        mean=(0.4, 0.5, 0.6),
        score_percentiles=tuple(float(k) for k in np.linspace(-1, 1, 101)),
    )
    network = lively(spec.arch, num_classes, spec.image_size)
    if arch == SMALL_ARCH:  # so few layers tell images less apart
        with torch.no_grad():
            head_of(network)[1].weight.mul_(20)
    save_checkpoint(path, {"state_dict": network.state_dict(), "spec": spec.to_dict()})
    return spec


@pytest.mark.parametrize("name", NEEDS)
@pytest.mark.parametrize("num_classes", [1, 5])
def test_a_format_gives_the_score_of_the_formula(name: str, num_classes: int, tmp_path: Path) -> None:
    """The oracle is written out here: normalise, run the bare network, take the mean rating."""
    need(name)
    from deploy.export import opened

    spec = ModelSpec("x", num_classes, image_size=(32, 40), mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))
    network = small_network(num_classes, spec.image_size)
    path = tmp_path / FILES[name].format("x")
    assert export(network, spec, name, path) <= 1e-4
    for batch in (1, 3):
        crops = np.random.default_rng(batch).integers(0, 256, (batch, 3, 32, 40), dtype=np.uint8)
        images = torch.from_numpy(crops) / 255
        with torch.no_grad():
            logits = network(
                (images - torch.tensor(spec.mean).view(3, 1, 1)) / torch.tensor(spec.std).view(3, 1, 1)
            )
        shares = torch.exp(logits) / torch.exp(logits).sum(1, keepdim=True)
        expected = logits[:, 0] if num_classes == 1 else (shares * torch.arange(1.0, 6.0)).sum(1)
        score, mine = opened(path, spec)(crops)
        np.testing.assert_allclose(score, expected, atol=1e-4, rtol=0)
        np.testing.assert_allclose(mine, logits, atol=1e-4, rtol=0)


class DependsOnBatch(nn.Module):
    """A noise that no two runs share: a file of it differs from it, or may not be opened."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean((1, 2, 3)).unsqueeze(1) + torch.rand(1)


@pytest.mark.parametrize("name", [*NEEDS, "torchscript"])
def test_a_file_that_differs_is_not_left(name: str, tmp_path: Path) -> None:
    need(name)
    with pytest.raises(ExportError):
        export(
            DependsOnBatch(), ModelSpec("x", image_size=(32, 32)), name, tmp_path / FILES[name].format("x")
        )
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_finite_or_misshapen_differs() -> None:
    batches = [np.zeros((2, 3, 4, 4), np.uint8)]

    def wanted(crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(2), np.zeros((2, 1))

    nowhere = np.full(2, np.nan), np.zeros((2, 1))
    assert largest_difference(lambda _: nowhere, wanted, batches) == float("inf")
    assert largest_difference(lambda _: (np.zeros(1), np.zeros((2, 1))), wanted, batches) == float("inf")
    assert largest_difference(lambda _: (np.zeros(2) - 0.5, np.zeros((2, 1))), wanted, batches) == 0.5


def test_the_command_writes_several_at_once(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    need("openvino")
    root = workplace("rank", scenes=1)
    write_checkpoint(root / "a.pth")
    argv = ["--export", "torchscript", "pt2", "openvino", "--resume", "a.pth"]
    assert main([*argv, "--licence", "CC0-1.0", "--provenance", "a test"]) == 0
    names = {path.name for path in (root / "checkpoints").iterdir()}
    arch = SMALL_FILE
    assert names == {f"jit_{arch}.pt", f"{arch}.pt2", f"{arch}.xml", f"{arch}.bin"}
    out = capsys.readouterr().out
    assert out.count("largest difference") == 3
    assert "3 real crops" in out
    _, spec = open_pt2(root / "checkpoints" / f"{arch}.pt2")
    assert (spec.license, spec.provenance, spec.mean) == ("CC0-1.0", "a test", (0.4, 0.5, 0.6))


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--export", "pt2"], "--resume"),
        (["--export", "tflite", "--resume", "a.pth"], "none of torchscript, half, pt2"),
        (["--export", "onnx-int8", "--resume", "a.pth"], "--calibration"),
    ],
)
def test_wrong_command_lines(argv: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    assert words in capsys.readouterr().err


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ConfigError, match="pip install openvino"):
        export(
            nn.Sequential(nn.Flatten(), nn.LazyLinear(1)),
            ModelSpec("x", image_size=(32, 32)),
            "openvino",
            tmp_path / "x.xml",
        )
    assert list(tmp_path.iterdir()) == []


def test_a_format_that_fails_leaves_the_others(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    root = workplace("rank", scenes=1)
    write_checkpoint(root / "a.pth")
    (root / "none").mkdir()
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setitem(sys.modules, "nncf", None)
    argv = "--export openvino onnx-int8 --resume a.pth --calibration none".split()
    assert main(argv) == 2
    assert main([*argv, "--export", "openvino", "onnx-int8", "torchscript"]) == 1
    err = capsys.readouterr().err
    assert err.count("pip install openvino") == 2
    assert err.count("--calibration none") == 2
    assert [path.name for path in (root / "checkpoints").iterdir()] == [f"jit_{SMALL_FILE}.pt"]


def test_jit_stores_what_is_said_of_the_weights(workplace: Callable[..., Path]) -> None:
    workplace("rank", scenes=1)
    write_checkpoint(Path("a.pth"))
    assert main("--jit --resume a.pth --licence CC0-1.0 --provenance here".split()) == 0
    _, spec = open_torchscript(f"checkpoints/jit_{SMALL_FILE}.pt")
    assert (spec.license, spec.provenance, spec.mean) == ("CC0-1.0", "here", (0.4, 0.5, 0.6))


class Bomb:
    """Pickled, it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def rewritten(source: Path, target: Path, change: Callable[[str, bytes], bytes]) -> Path:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return target


def test_a_pt2_file_runs_no_code(tmp_path: Path) -> None:
    good, mark = tmp_path / "a.pt2", tmp_path / "mark"
    export(small_network(1), ModelSpec("x", image_size=(32, 32)), "pt2", good)

    def graph(edit: Callable[[dict], None]) -> Callable[[str, bytes], bytes]:
        def change(name: str, content: bytes) -> bytes:
            if not name.endswith("models/model.json"):
                return content
            value = json.loads(content)
            edit(value)
            return json.dumps(value).encode()

        return change

    def call_system(value: dict) -> None:
        value["graph_module"]["graph"]["nodes"][0]["target"] = "torch.os.system"

    def evaluate(value: dict) -> None:
        text = json.dumps(value).replace(
            "Symbol('s", f"__import__('pathlib').Path({str(mark)!r}).touch() or Symbol('s", 1
        )
        value.clear()
        value.update(json.loads(text))

    def guard(value: dict) -> None:
        value["guards_code"] = [f"open({str(mark)!r}, 'w')"]

    def samples(name: str, content: bytes) -> bytes:
        return pickle.dumps(Bomb(mark)) if name.endswith("sample_inputs/model.pt") else content

    changes = [graph(call_system), graph(evaluate), graph(guard), samples]
    for number, change in enumerate(changes):
        with pytest.raises(WeightsError, match="not opened"):
            open_pt2(rewritten(good, tmp_path / f"{number}.pt2", change))
    (tmp_path / "legacy.pt2").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "legacy.pt2", "w") as archive:
        archive.writestr("version", "8.1")
        archive.writestr("serialized_state_dict.pt", pickle.dumps(Bomb(mark)))
    with pytest.raises(WeightsError, match="a ZIP archive of 2 files"):
        open_pt2(tmp_path / "legacy.pt2")
    assert not mark.exists()
    open_pt2(rewritten(good, tmp_path / "same.pt2", lambda name, content: content))


def nothing_to_quantise(*_: object, **__: object) -> None:
    """What nncf does with a network that it does not know."""
    raise RuntimeError("an operator is not supported\nand so on")


@pytest.mark.parametrize("name", ["openvino-int8", "onnx-int8"])
def test_int8_is_written_or_refused_by_its_ranks(
    name: str,
    workplace: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip(
        "nncf", reason="nncf is in requirements-deploy.txt; too heavy for requirements-dev.txt"
    )
    need(name.removesuffix("-int8"))
    root = workplace("rank", scenes=1)
    write_checkpoint(root / "a.pth", arch="mobilenet_v3_small")
    (root / "few").mkdir()
    for number in range(12):
        texture(number, number / 6).save(root / "few" / f"{number}.png")
    argv = ["--export", name, "--resume", "a.pth", "--calibration", "few"]
    with monkeypatch.context() as patch:
        patch.setattr("nncf.quantize", nothing_to_quantise)
        assert main(argv) == 2
    assert "can't be quantised by nncf (an operator" in capsys.readouterr().err
    assert main([*argv, "--min_srcc", "1.00001"]) == 2
    assert "not written" in capsys.readouterr().err
    assert list((root / "checkpoints").iterdir()) == []
    assert main([*argv, "--min_srcc", "-1"]) == 0
    assert "SRCC" in capsys.readouterr().out
    written = [path for path in (root / "checkpoints").iterdir() if path.suffix in (".xml", ".onnx")]
    assert [path.stem for path in written] == ["mobilenet_v3_small_int8"]
    for path in sorted((root / "few").iterdir())[3:]:
        path.unlink()
    assert main(argv) == 2
    assert "needs 10" in capsys.readouterr().err


def test_half_precision_is_a_checkpoint_of_half_the_size(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("regress")
    spec = write_checkpoint(Path("a.pth"))
    texture(5, 1.0).save("b.png")
    assert main("--export half --resume a.pth --licence CC-BY-SA-4.0 -g 0".split()) == 0
    half = Path(f"checkpoints/{SMALL_FILE}_half.pth")
    assert 0.45 < half.stat().st_size / Path("a.pth").stat().st_size < 0.6
    state = load_checkpoint(half)
    assert set(state) == {"format", "state_dict", "spec"}
    assert state["spec"]["licence"] == "CC-BY-SA-4.0"
    assert state["spec"]["score_percentiles"] == list(spec.score_percentiles or ())
    scores = []
    for file in ("a.pth", str(half)):
        capsys.readouterr()
        assert main(["--predict", "b.png", "--resume", file, "--engine", "torch", "-g", "0"]) == 0
        scores.append(float(capsys.readouterr().out.splitlines()[-1].split()[0]))
    assert scores[0] == pytest.approx(scores[1], abs=0.02)
    assert main(["-e", "--resume", str(half), "-g", "0", "-j", "0", "--criterion", "regress"]) == 0


def test_half_precision_that_changes_scores_is_not_written(tmp_path: Path) -> None:
    """Weights below the smallest float16 vanish; a large factor behind them would have used them."""
    network = lively("mobilenet_v3_small", 1, (48, 64))
    with torch.no_grad():
        head_of(network)[1].weight.mul_(1e-9)
        network.classifier[0].weight.mul_(1e9)
        network.classifier[0].bias.mul_(1e9)
    with pytest.raises(ExportError, match="differs from the model"):
        export(network, ModelSpec("mobilenet_v3_small", image_size=(48, 64)), "half", tmp_path / "a_half.pth")
    assert not list(tmp_path.iterdir())


def test_names_with_hyphens_open_as_pt2(tmp_path: Path) -> None:
    """RegNet's blocks have such names; here it has four."""
    spec = ModelSpec("regnet_y_400mf", image_size=(32, 32))
    shape = BlockParams([1] * 4, [8] * 4, [8] * 4, [1] * 4, [2] * 4, se_ratio=0.25)
    network = RegNet(shape, num_classes=1)
    assert any("-" in name for name, _ in network.named_modules())
    assert export(network, spec, "pt2", tmp_path / "a.pt2") < 1e-4
    assert open_pt2(tmp_path / "a.pt2")[1] == spec
