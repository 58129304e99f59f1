"""What version 1 wrote continues as it would have there: interrupted runs, weights and converted files.

tests/data/version1 is made by `tests/version1_files.py`, which says how.
"""

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from main import main
from models import families
from tests.conftest import ROOT
from tests.version1_files import ARCH, RUNS, build_tiny, computer, write_data
from utils.checkpoint import load_checkpoint

FILES = ROOT / "tests/data/version1"
# Another torch, or a CPU with other instructions, sums in another order.
SAME_BITS = computer() == json.loads((FILES / "computer.json").read_text())


@pytest.fixture(autouse=True)
def tiny() -> Iterator[None]:
    """The network of the files, and one thread, as more of them also sum in another order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    families.register(ARCH)(build_tiny)
    yield
    families.ENTRIES.pop(ARCH)
    torch.set_num_threads(threads)


@pytest.fixture(params=sorted(RUNS))
def task(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A task, whose data lie where the program runs."""
    write_data(tmp_path, request.param)
    monkeypatch.chdir(tmp_path)
    return request.param


def assert_alike(found: Any, held: Any) -> None:
    """Equal structure and names; numbers equal to the last bit where the computer is the one of the files."""
    if isinstance(held, dict):
        assert found.keys() == held.keys()
        for name, value in held.items():
            assert_alike(found[name], value)
    elif isinstance(held, list | tuple):
        assert len(found) == len(held)
        for one, value in zip(found, held, strict=True):
            assert_alike(one, value)
    elif isinstance(held, torch.Tensor) and SAME_BITS:
        assert torch.equal(found, held)
    elif isinstance(held, torch.Tensor):
        torch.testing.assert_close(found, held, rtol=1e-3, atol=1e-5)
    elif isinstance(held, float) and not SAME_BITS:
        assert found == pytest.approx(held, rel=1e-3, abs=1e-5)
    else:
        assert found == held


def test_an_interrupted_run_ends_as_it_would_have(task: str) -> None:
    stopped, whole = FILES / f"{task}_stopped.pth", load_checkpoint(FILES / f"{task}_whole.pth")
    assert load_checkpoint(stopped)["train_state"]["step"] not in (0, whole["train_state"]["step"])
    Path("stopped").mkdir()
    own = shutil.copy(stopped, f"stopped/checkpoint_{ARCH}.pth")
    assert main(["--train", "--continue", own]) == 0
    ended = load_checkpoint(Path(own))
    for checkpoint in (ended, whole):  # how often averaged statistics were computed anew, nobody asks
        for name in [name for name in checkpoint["averaged"] if name.endswith("num_batches_tracked")]:
            del checkpoint["averaged"][name]
    for states in ended["random_states"]:  # version 1 kept those of torch alone
        assert {states.pop(name) is None for name in ("numpy", "python")} == {False}
    for name in ("state_dict", "optimizer", "averaged", "random_states"):
        assert_alike(ended[name], whole[name])
    # SRCC, which tells the best epoch of regress, is no longer SciPy's and has other last digits
    for name in ("epoch", "step", "world", *(("best", "best_figures") if task == "rank" else ())):
        assert_alike(ended["train_state"][name], whole["train_state"][name])
    assert ended["train_state"].keys() >= whole["train_state"].keys()
    assert ended.keys() >= whole.keys()


def test_weights_score_the_same(task: str) -> None:
    assert_scores(task, FILES / f"{task}_best.pth", "torch")


@pytest.mark.parametrize("task", ["rank"], indirect=True)
@pytest.mark.parametrize(("suffix", "engine"), [(".pt", "torch"), (".onnx", "onnx")])
def test_converted_files_score_the_same(task: str, suffix: str, engine: str) -> None:
    assert_scores(task, FILES / f"{task}{suffix}", engine)


def assert_scores(task: str, model: Path, engine: str) -> None:
    flags = ["--predict", "data/test", "--resume", str(model), "--output", "scores.csv"]
    assert main([*flags, "--engine", engine, "--threads", "1"]) == 0
    found, held = read_scores(Path("scores.csv")), read_scores(FILES / f"{task}_scores.csv")
    if model.suffix == ".pth":
        assert_alike(found, held)
    assert found == {path: pytest.approx(score, abs=1e-6) for path, score in held.items()}


def read_scores(path: Path) -> dict[str, float]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["path"]: float(row["score"]) for row in csv.DictReader(file)}


def test_evaluation_measures_the_same(task: str) -> None:
    assert main(["-e", "--resume", str(FILES / f"{task}_best.pth"), "-j", "0"]) == 0
    [tested] = Path("logs").glob("test_*/metrics.json")
    found, held = (
        json.loads(path.read_text(encoding="utf-8")) for path in (tested, FILES / f"{task}_metrics.json")
    )
    assert (found["rows"], found["rows_left_out"]) == (held["rows"], held["rows_left_out"])
    digits = 1e-12 if SAME_BITS else 1e-3  # correlations are no longer SciPy's
    assert found["figures"] == pytest.approx(held["figures"], rel=digits)
    assert found["intervals"].keys() == held["intervals"].keys()
    for name, interval in held["intervals"].items():
        assert found["intervals"][name] == pytest.approx(interval, rel=digits)
