"""Oracles: a training run without the cache, a counter of decodings, the images themselves."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from dataloader.cache import ImageCache
from main import main
from rankiqa.views import View
from tests import programs
from tests.small_arch import SMALL_ARCH
from utils.checkpoint import load_checkpoint

pytestmark = pytest.mark.usefixtures("without_plots")

ARGS = f"--train -a {SMALL_ARCH} --image_size 64 64 --epochs 2 --warmup 0 -b 3 -g 0 --deterministic"


@pytest.mark.parametrize("view", ["fit", "patches"])
def test_training_with_a_cache_gives_the_same_weights(workplace: Callable[..., Path], view: str) -> None:
    workplace("rank", scenes=3)
    runs = {"none": "-j 0", "ram": "-j 2 --cache ram", "disk": "-j 0 --cache disk --cache_size 40K"}
    weights = {}
    for name, more in runs.items():
        argv = f"{ARGS} --view {view} {more} --checkpoint_dir {name}".split()
        assert main(argv) == 0
        weights[name] = load_checkpoint(f"{name}/checkpoint_tests_small.pth")["state_dict"]
    for name in ("ram", "disk"):
        assert all(torch.equal(value, weights[name][key]) for key, value in weights["none"].items())


def make(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (5 + number, 7, 3), np.uint8)


@pytest.mark.parametrize("in_memory", [True, False])
def test_each_image_is_made_once_while_there_is_room(in_memory: bool) -> None:
    room = sum(make(number).size for number in range(4))
    cache = ImageCache(6, room, in_memory)
    made = []
    for number in [0, 1, 2, 3, 4, 5] * 2:

        def decoded(number: int = number) -> np.ndarray:
            made.append(number)
            return make(number)

        np.testing.assert_array_equal(cache.get(number, decoded), make(number))
    assert made == [0, 1, 2, 3, 4, 5, 4, 5]


class Counting(Dataset):
    def __init__(self, cache: ImageCache) -> None:
        self.cache = cache

    def __len__(self) -> int:
        return 20

    def __getitem__(self, number: int) -> tuple[bool, bool]:
        made = []
        image = self.cache.get(number, lambda: made.append(1) or make(number))  # type: ignore[func-returns-value]
        return not made, bool(np.array_equal(image, make(number)))


@pytest.mark.parametrize("method", ["fork", "forkserver"])  # the latter pickles the cache, as "spawn" does
def test_workers_find_what_other_workers_and_epochs_decoded(method: str) -> None:
    context = programs.server() if method == "forkserver" else method
    cache = ImageCache(20, 10**6, in_memory=True)
    for epoch in range(2):
        loader = DataLoader(Counting(cache), batch_size=None, num_workers=2, multiprocessing_context=context)
        found, right = zip(*loader, strict=True)
        assert all(right) and all(found) == (epoch == 1) and any(found) == (epoch == 1)


def test_a_wrong_size_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--train", "--cache", "ram", "--cache_size", "much"]) == 2
    assert "--cache_size" in capsys.readouterr().err


def test_validation_decodes_each_image_once_in_a_run(
    workplace: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    workplace("regress", scenes=3)
    read, names = View.read, []

    def counted(view: View, path: str) -> Image.Image:
        names.append(Path(path).name + Path(path).parent.name)
        return read(view, path)

    monkeypatch.setattr(View, "read", counted)
    run = ["--train", "-a", SMALL_ARCH, "--image_size", "32", "32", "--warmup", "0", "-b", "3"]
    run += ["--criterion", "regress", "--gpus", "0", "-j", "0", "--epochs", "3"]
    lines = []
    for view in ("fit", "patches"):
        for kept in ("ram", "no"):
            names.clear()
            assert main([*run, "--cache", kept, "--view", view, "--logdir", f"{view}_{kept}"]) == 0
            assert len(names) == (1 if kept == "ram" else 3) * len(set(names)), kept
            assert len(set(names)) == 9 + 6
            [file] = Path(f"{view}_{kept}").glob("*/metrics.jsonl")
            read_lines = map(json.loads, file.read_text(encoding="utf-8").splitlines())
            lines.append([{**line, "seconds": 0} for line in read_lines])
    assert lines[0] == lines[1] and lines[2] == lines[3]
