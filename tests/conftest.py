"""Small images and label files that every test of the whole program can ask for."""

import copy
import csv
import io
import os
import socket
from collections.abc import Callable, Generator
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from torch import nn

from models import create_model
from tests import small_arch  # noqa: F401  # registers its name


def pytest_configure(config: pytest.Config) -> None:
    """Hide GPUs from every test, and from the programs that it starts, unless `-m gpu` asks for them.

    Most tests promise bits, times or messages that only the CPU gives.
    """
    if config.option.markexpr != "gpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape what is no UTF-8 in captured output: pytest-xdist can't pass it on."""
    report = yield
    report.sections = [
        (name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections
    ]
    return report


ROOT = Path(__file__).resolve().parent.parent
SIGMAS = (0.0, 1.0, 2.5)  # the better, the sharper


def texture(seed: int, sigma: float, size: tuple[int, int] = (96, 128)) -> Image.Image:
    """A colourful random texture, blurred: its quality is known."""
    rng = np.random.default_rng(seed)
    coarse = ndimage.zoom(rng.random((6, 8, 3)), (size[0] / 6, size[1] / 8, 1), order=1)
    pixels = 0.6 * coarse + 0.4 * rng.random((*size, 3))
    return Image.fromarray((ndimage.gaussian_filter(pixels, (sigma, sigma, 0)) * 255).astype(np.uint8))


@lru_cache(maxsize=1024)
def _file_of_texture(seed: int, sigma: float) -> bytes:
    """A PNG file; hundreds of tests write the same ones, and each takes ten milliseconds to make."""
    file = io.BytesIO()
    texture(seed, sigma).save(file, "PNG")
    return file.getvalue()


def write_split(root: Path, split: str, task: str, scenes: int, bins: int = 5) -> None:
    """data/{split}/label.txt with images: three levels of blur a scene, paths relative to `root`."""
    folder = root / "data" / split
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[list[object]] = []
    for scene in range(scenes):
        names = []
        for level, sigma in enumerate(SIGMAS):
            names.append(f"data/{split}/scene{scene}_{level}.png")
            (root / names[-1]).write_bytes(_file_of_texture(hash_of(split) + scene, sigma))
        mos = [4.5 - 1.5 * level for level in range(len(SIGMAS))]
        if task == "rank":
            rows += [[names[a], names[b]] for a in range(3) for b in range(a + 1, 3)]
        elif task == "regress":
            rows += [list(row) for row in zip(names, mos, strict=True)]
        else:
            rows += [[name, *_histogram(value, bins)] for name, value in zip(names, mos, strict=True)]
    with (folder / "label.txt").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def free_port() -> int:
    """A port of loopback that nobody listens to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def hash_of(split: str) -> int:
    """A seed for each split, so that no scene stands in two."""
    return {"train": 0, "val": 100, "test": 200}[split]


def _histogram(mos: float, bins: int) -> list[float]:
    weights = np.exp(-0.5 * (np.arange(1, bins + 1) - mos) ** 2)
    return [round(float(weight), 6) for weight in weights / weights.sum()]


def lively(arch: str, num_classes: int, size: tuple[int, int], seed: int = 0) -> nn.Module:
    """A network whose untrained scores differ between images: batch statistics of noise make it so."""
    network = copy.deepcopy(_lively(arch, num_classes, size, seed))
    torch.manual_seed(seed)
    return network


@lru_cache(maxsize=32)
def _lively(arch: str, num_classes: int, size: tuple[int, int], seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return settled(create_model(arch, num_classes, size), size)


def small_network(num_classes: int, size: tuple[int, int] = (32, 32)) -> nn.Module:
    """As `lively`, of few layers, for tests that convert any network: whole ones take seconds."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1, groups=2)]
    layers += [nn.BatchNorm2d(16), nn.Hardswish(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2)]
    return settled(nn.Sequential(*layers, nn.Linear(16, num_classes)), size)


def settled(network: nn.Module, size: tuple[int, int]) -> nn.Module:
    """`network` in evaluation mode, with the batch statistics of noise."""
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the mean of all batches
    with torch.no_grad():
        for _ in range(2):
            network(torch.randn(8, 3, *size))
    return network.eval()


@pytest.fixture(autouse=True)
def same_threads() -> Generator[None]:
    """--predict gives torch all cores: later tests, many of them at once, would wait for each other's."""
    threads = torch.get_num_threads()
    yield
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)


@pytest.fixture
def without_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spares tests of many runs the plot after each epoch, which takes longer than the epoch."""
    monkeypatch.setattr("applications.training.validation.scatter", lambda *_: None)
    monkeypatch.setattr("utils.run_log.RunLog.figure", lambda *_: None)


@pytest.fixture
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spares tests whose matter is no interval the seconds of its thousand draws and two hundred fits."""
    monkeypatch.setattr("applications.evaluation.intervals.RESAMPLES", 50)
    monkeypatch.setattr("applications.evaluation.intervals.FIT_RESAMPLES", 10)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Makes an empty folder with data/ of a task, and goes there: relative paths of commands then fit."""

    def make(task: str = "rank", scenes: int = 2, bins: int = 5) -> Path:
        for split in ("train", "val", "test"):
            write_split(tmp_path, split, task, scenes if split == "train" else 1 + (task != "rank"), bins)
        monkeypatch.chdir(tmp_path)
        return tmp_path

    return make


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four photographs for recipes, each softer than the one before."""
    folder = tmp_path_factory.mktemp("photographs")
    for number in range(4):
        texture(number, 0.5 * number, (208, 240)).save(folder / f"photo_{number}.png")
    return folder
