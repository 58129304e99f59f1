"""Every engine gives the same number for the same image, from the file alone."""

import subprocess
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch

from deploy.engines import load_scorer
from deploy.engines.loading import choose_engine, load_engine, usable_device
from deploy.export import export
from models import create_model
from rankiqa.scorer import Engine, Scorer
from rankiqa.spec import ModelSpec
from tests.conftest import ROOT, lively, small_network, texture
from tests.small_arch import SMALL_ARCH
from tests.test_export import FILES, need
from utils.checkpoint import save_checkpoint
from utils.errors import ConfigError, WeightsError

Opened = list[tuple[Engine, ModelSpec, torch.nn.Module]]
IMAGES = [texture(seed, 0.7 * seed, size) for seed, size in enumerate([(96, 128), (200, 90), (40, 50)])]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Opened]:
    """Every engine of every format for a number of outputs, with the network in its file: converted once."""

    @lru_cache
    def convert(num_classes: int) -> Opened:
        spec = ModelSpec("timm/test_resnet", num_classes, image_size=(48, 64), patches=4)
        spec = spec.with_(view="fit" if num_classes == 1 else "patches")
        folder = tmp_path_factory.mktemp("engines")
        network = lively(spec.arch, num_classes, spec.image_size)
        small = small_network(num_classes, spec.image_size)  # a file needs no name of an architecture
        save_checkpoint(folder / "a.pth", {"state_dict": network.state_dict(), "spec": spec.to_dict()})
        found = [(folder / "a.pth", network)]
        for name in ("torchscript", "pt2", "onnx", "openvino"):
            try:
                need(name)
            except pytest.skip.Exception:
                continue
            found.append((folder / FILES[name].format("a"), small))
            export(small, spec, name, found[-1][0])
        engines = []
        for path, own in found:
            for kind in ("native", "auto") if path.suffix in (".pth", ".onnx") else ("native",):
                engine, held = load_engine(path, "cpu", 1, kind)
                assert held == spec
                engines.append((engine, spec, own))
        return engines

    return convert


@pytest.mark.parametrize("view", ["fit", "patches"])
@pytest.mark.parametrize("num_classes", [1, 4])
def test_engines_agree(view: str, num_classes: int, opened: Callable[[int], Opened]) -> None:
    for engine, held, network in opened(num_classes):
        spec = held.with_(view=view)
        expected = by_hand(network, spec)
        assert np.ptp(expected) > 1e-3  # constant scores would agree by themselves
        result = Scorer(engine, spec).score(IMAGES)
        np.testing.assert_allclose(result.scores, expected, atol=1e-4)
        assert (result.probs is None) == (num_classes == 1)


def by_hand(network: torch.nn.Module, spec: ModelSpec) -> np.ndarray:
    """Scores without the scorer: crops cut by NumPy, the mean of the crops' scores."""
    scores = []
    for image in IMAGES:
        if spec.view == "fit":
            from rankiqa.views import fit

            crops = [fit(image, spec.image_size).transpose(1, 2, 0)]
        else:
            pixels = np.asarray(image)
            rows, columns = max(0, 48 - pixels.shape[0]), max(0, 64 - pixels.shape[1])
            pads = ((rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2), (0, 0))
            pixels = np.pad(pixels, pads, mode="symmetric")
            crops = [pixels[:48, :64], pixels[:48, -64:], pixels[-48:, :64], pixels[-48:, -64:]]
        parts = []
        for crop in crops:
            unit = (crop / 255.0 - np.array(spec.mean)) / np.array(spec.std)
            with torch.no_grad():
                logits = network(torch.tensor(unit.transpose(2, 0, 1)[None], dtype=torch.float32))[0].numpy()
            shares = np.exp(logits - logits.max())
            shares /= shares.sum()
            parts.append(logits[0] if len(logits) == 1 else shares @ np.arange(1, len(shares) + 1))
        scores.append(np.mean(parts))
    return np.array(scores)


def test_deviation_is_that_of_the_distribution(tmp_path: Path) -> None:
    spec = ModelSpec("mobilenet_v3_small", 4, image_size=(48, 64))
    network = lively(spec.arch, 4, spec.image_size)
    save_checkpoint(tmp_path / "a.pth", {"state_dict": network.state_dict(), "spec": spec.to_dict()})
    result = load_scorer(tmp_path / "a.pth").score(IMAGES)
    assert result.probs is not None
    assert result.deviations is not None
    rng = np.random.default_rng(0)
    for shares, deviation in zip(result.probs.astype(float), result.deviations, strict=True):
        draws = rng.choice([1, 2, 3, 4], 200_000, p=shares / shares.sum())
        assert float(deviation) == pytest.approx(draws.std(), abs=0.01)


def test_padding_keeps_a_score_from_its_company(tmp_path: Path) -> None:
    spec = ModelSpec("resnet18", image_size=(32, 32))
    network = lively(spec.arch, 1, spec.image_size)
    save_checkpoint(tmp_path / "a.pth", {"state_dict": network.state_dict(), "spec": spec.to_dict()})
    scorer = load_scorer(tmp_path / "a.pth")
    crops = np.stack([scorer.view.evaluate(image) for image in IMAGES])
    together = scorer.score_crops(crops, pad=True).scores
    alone = np.concatenate([scorer.score_crops(one[None], pad=True).scores for one in crops])
    assert np.array_equal(together, alone)


def test_files_that_are_no_models(tmp_path: Path) -> None:
    bare = tmp_path / "bare.pth"
    save_checkpoint(bare, {"state_dict": create_model("resnet18").state_dict()})
    with pytest.raises(WeightsError, match="without a ModelSpec"):
        load_scorer(bare)
    for suffix in (".pt2", ".onnx", ".xml"):
        if suffix != ".pt2":
            need("onnx" if suffix == ".onnx" else "openvino")
        with pytest.raises(WeightsError, match="no such file"):
            load_scorer(tmp_path / f"nothing{suffix}")
        (tmp_path / f"junk{suffix}").write_bytes(b"junk")
        (tmp_path / "junk.bin").write_bytes(b"junk")
        with pytest.raises(WeightsError, match="junk"):
            load_scorer(tmp_path / f"junk{suffix}")


def test_engines_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't run"):
        choose_engine(tmp_path / "a.xml", "cpu", "onnx")
    with pytest.raises(ConfigError, match="neither cpu nor cuda"):
        load_scorer(tmp_path / "a.pth", device="tpu")
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="no GPU"):
            load_scorer(tmp_path / "a.pth", device="cuda")


def test_auto_leaves_a_gpu_that_onnx_runtime_can_not_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    need("onnx")
    spec = ModelSpec(SMALL_ARCH, image_size=(32, 32))
    path = tmp_path / "a.onnx"
    export(lively(spec.arch, 1, spec.image_size), spec, "onnx", path)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    providers = ["CPUExecutionProvider"]
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: providers)
    assert len(load_scorer(path, device="cuda", engine="auto").score(IMAGES).scores) == len(IMAGES)
    assert "computed on the CPU" in caplog.text
    with pytest.raises(ConfigError, match="onnxruntime-gpu"):
        load_scorer(path, device="cuda", engine="onnx")
    providers.append("CUDAExecutionProvider")
    assert usable_device(path, "cuda", "auto") == "cuda"
    assert choose_engine(path, "cuda", "auto") == "onnx"


FIRST_TOGETHER = """
import sys, threading
from pathlib import Path
import numpy as np
from rankiqa.engines import open_model
engine, _ = open_model(Path(sys.argv[1]), engine="openvino", threads=2)
sys.setswitchinterval(1e-6)
start = threading.Barrier(3)
answers = []

def infer():
    start.wait()
    answers.append(engine(np.full((1, 3, 48, 64), 100, np.uint8)))

def keep_busy():
    start.wait()
    sum(range(10**6))

threads = [threading.Thread(target=work, daemon=True) for work in (infer, infer, keep_busy)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(20)
print(len(answers), len(answers) == 2 and np.array_equal(*answers), flush=True)
"""


DROPPED_ELSEWHERE = """
import signal, subprocess, sys, threading
from pathlib import Path
from rankiqa.engines import open_model
held = [open_model(Path(sys.argv[1]), engine="openvino", threads=1)]
thread = threading.Thread(target=held.clear)
thread.start()
thread.join()
signal.signal(signal.SIGCHLD, lambda *_: print("handled", flush=True))
subprocess.run([sys.executable, "-S", "-c", ""])
"""


@pytest.fixture(scope="module")
def onnx_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("openvino")
    path = tmp_path_factory.mktemp("onnx") / "a.onnx"
    spec = ModelSpec("x", image_size=(48, 64))
    export(small_network(1, spec.image_size), spec, "onnx", path)
    return path


@pytest.mark.parametrize(
    ("code", "wanted"), [(FIRST_TOGETHER, "2 True"), (DROPPED_ELSEWHERE, "handled")],
    ids=["two threads infer first", "a signal after another thread has dropped the engine"],
)  # fmt: skip
def test_openvino_and_threads(code: str, wanted: str, onnx_file: Path) -> None:
    """They waited for each other for ever; the signal ended the process (SIGSEGV)."""
    command = [sys.executable, "-c", code, str(onnx_file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == (f"{wanted}\n", 0), done.stderr
