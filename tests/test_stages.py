"""One model through all stages: rank, regress, evaluation, TorchScript, demo; the same score at each."""

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from applications.setup.head_scale import start_at_labels
from deploy.engines import load_scorer
from main import main
from models import create_model
from models.normalise import Normalise, to_unit
from rankiqa.image import read_rgb
from rankiqa.spec import ModelSpec
from tests.conftest import ROOT, lively, write_split
from tests.small_arch import SMALL_ARCH
from utils.checkpoint import load_checkpoint

# Untrained, a network whose running statistics lag behind gives every image one score; this one does not.
ARCH = SMALL_ARCH
SMALL = ["-a", ARCH, "--image_size", "64", "64", "-j", "0", "-b", "4", "--epochs", "1", "-g", "0"]


def newest(pattern: str) -> Path:
    return max(Path("logs").glob(pattern), key=lambda path: path.stat().st_mtime)


def predictions() -> dict[str, float]:
    with newest("test_*/predictions.csv").open(encoding="utf-8", newline="") as file:
        return {row["path"]: float(row["score"]) for row in csv.DictReader(file)}


class Demo:
    """The demo, again and again, in one process that must not load any training code."""

    def __init__(self) -> None:
        code = (
            f"import json, os, sys; sys.path.insert(0, {str(ROOT)!r})\n"
            "from demos.image_assessment import main\n"
            "for line in sys.stdin:\n"
            "    place, argv = json.loads(line)\n"
            "    os.chdir(place)\n"
            "    status = main(argv)\n"
            "    bad = {'applications', 'optim', 'config', 'timm', 'torchvision'} & set(sys.modules)\n"
            "    print(f'ended {status} {sorted(bad)}', flush=True)\n"
        )
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True
        )

    def scores(self, model: str, names: list[str]) -> dict[str, float]:
        """What it prints of images of this folder."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(Path.cwd()), ["--model", model, *names]]) + "\n")
        self._process.stdin.flush()
        said = ""
        while not said.splitlines()[-1:] or not said.splitlines()[-1].startswith("ended "):
            line = self._process.stdout.readline()
            assert line, said
            said += line
        assert said.endswith("ended 0 []\n"), said
        rows = re.findall(r"^\s*(-?\d+\.\d{4})(?:  [\d. ]+)?  (\S+)$", said, flags=re.MULTILINE)
        return {name: float(score) for score, name in rows}

    def end(self) -> None:
        """Its input ends, and so does it."""
        self._process.communicate(timeout=60)
        assert self._process.returncode == 0


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    process = Demo()
    yield process
    process.end()


@pytest.mark.parametrize(("task", "classes"), [("regress", 1), ("regress", 5), ("emd", 5)])
@pytest.mark.parametrize("view", ["fit", "patches"])
def test_the_score_is_the_same_at_every_stage(
    task: str,
    classes: int,
    view: str,
    demo: Demo,
    workplace: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = workplace("rank")
    assert main(["--train", *SMALL, "--view", view]) == 0
    ranked = load_checkpoint("checkpoints/model_best_tests_small.pth")
    for split in ("train", "val", "test"):
        write_split(folder, split, task, 2, classes)
    rank_file = Path("checkpoints/model_best_tests_small.pth").rename("rank.pth")
    flags = ["--criterion", task, "--num_classes", str(classes), "--view", view, "--resume", str(rank_file)]
    capsys.readouterr()
    assert main(["--train", *SMALL, *flags, "--lr", "1e-3"]) == 0
    notices = capsys.readouterr().err
    assert ("head" in notices) == (classes != ranked["spec"]["num_classes"])

    best = "checkpoints/model_best_tests_small.pth"
    assert main(["-e", "--resume", best, "-j", "0"]) == 0
    evaluated = predictions()
    assert main(["--jit", "--resume", best]) == 0
    scorer = load_scorer("checkpoints/jit_tests_small.pt")
    exported = {name: scorer.score([read_rgb(name)]).scores.item() for name in evaluated}
    direct = {name: plain_score(best, name) for name in evaluated}
    shown = demo.scores("checkpoints/jit_tests_small.pt", list(evaluated))
    assert len(set(evaluated.values())) > 1
    for name, value in evaluated.items():
        assert exported[name] == pytest.approx(value, abs=1e-5)
        assert direct[name] == pytest.approx(value, abs=1e-5)
        assert shown[name] == pytest.approx(value, abs=6e-5)  # four decimals


def plain_score(checkpoint: str, name: str) -> float:
    """The score by the definition, without batches, chunks or files of the program's making."""
    state = load_checkpoint(checkpoint)
    spec = ModelSpec.from_dict(state["spec"])
    network = create_model(spec.arch, spec.num_classes, spec.image_size)
    network.load_state_dict(state["state_dict"])
    crops = spec.make_view().evaluate(read_rgb(name))
    with torch.inference_mode():
        logits = network.eval()(Normalise(spec.mean, spec.std)(to_unit(torch.from_numpy(crops))))
    if spec.num_classes == 1:
        return float(logits.mean())
    ratings = torch.arange(1.0, spec.num_classes + 1)
    return float((logits.softmax(1) * ratings).sum(1).mean())


def test_regress_starts_at_the_labels(workplace: Callable[..., Path]) -> None:
    folder = workplace("rank")
    still = ["--lr", "1e-9", "--wd", "0"]
    best = Path("checkpoints/model_best_tests_small.pth")

    def scores() -> np.ndarray:
        return np.array(load_checkpoint(best)["spec"]["score_percentiles"])

    assert main(["--train", *SMALL, *still]) == 0
    ranked = scores()
    for split in ("train", "val"):
        write_split(folder, split, "regress", 2)  # MOS of 4.5, 3 and 1.5
    best.rename("rank.pth")
    regress = ["--train", *SMALL, *still, "--criterion", "regress"]
    assert main([*regress, "--resume", "rank.pth"]) == 0
    fitted = scores()
    assert fitted.mean() == pytest.approx(3, abs=0.1)
    assert abs(ranked.mean()) < 1 and fitted.std() < 0.1  # too little of its own to be stretched
    best.rename("mos.pth")
    assert main([*regress, "--resume", "mos.pth"]) == 0  # on the labels' scale already
    assert scores() == pytest.approx(fitted, abs=0.15)


@pytest.mark.parametrize(
    ("criterion", "low", "high", "stretched"),
    [
        ("regress", 1, 5, True),
        ("rank", -3, 3, True),
        ("rank", -60, 60, False),
        ("rank", 0.5, 0.51, False),
        ("regress", 0, 100, None),
    ],
)
def test_the_head_is_brought_to_labels_of_another_scale(
    criterion: str, low: float, high: float, stretched: bool | None
) -> None:
    """Oracle: NumPy's mean and deviation of what the validation scores become."""
    before = np.linspace(low, high, 101)
    spec = ModelSpec(ARCH, 1, (64, 64), "fit", 5, (0.5,) * 3, (0.5,) * 3, criterion=criterion)
    network = torch.nn.Sequential(torch.nn.Linear(1, 1))
    network[0].weight.data[:], network[0].bias.data[:] = 1, 0  # its scores are its inputs
    targets = np.linspace(10, 90, 50)
    start_at_labels(network, spec.with_(score_percentiles=tuple(before)), targets)
    after = network(torch.tensor(before, dtype=torch.float32)[:, None])[:, 0].detach().numpy()
    if stretched is None:
        assert after == pytest.approx(before, rel=1e-5)
        return
    assert after.mean() == pytest.approx(50, abs=1e-3)
    assert after.std() == pytest.approx(targets.std() if stretched else before.std(), rel=1e-4)


@pytest.mark.parametrize(("criterion", "shift"), [("regress", 0), ("rank", 50)])
def test_the_head_of_weights_without_percentiles(criterion: str, shift: float) -> None:
    """A mean of regress models tells no scores, but they fit the labels; a ranker's lie around 0."""
    network = torch.nn.Sequential(torch.nn.Linear(1, 1))
    network[0].weight.data[:], network[0].bias.data[:] = 1, 0
    start_at_labels(network, ModelSpec(ARCH, criterion=criterion), np.linspace(10, 90, 50))
    assert network[0].bias.item() == pytest.approx(shift) and network[0].weight.item() == 1


@pytest.mark.parametrize("form", ["bare", "module.", "model", "state_dict"])
def test_a_fitting_head_of_weights_alone_is_kept(form: str, workplace: Callable[..., Path]) -> None:
    """Weights of another program, which come without a ModelSpec, may fit the labels already."""
    workplace("regress")
    state = lively(ARCH, 1, (64, 64)).state_dict()
    state["classifier.3.bias"].fill_(2.75)
    named = {f"module.{name}": value for name, value in state.items()} if form == "module." else state
    torch.save({form: named} if form in ("model", "state_dict") else named, "plain.pth")
    still = ["--lr", "1e-12", "--wd", "0", "--criterion", "regress"]
    assert main(["--train", *SMALL, *still, "--resume", "plain.pth"]) == 0
    trained = load_checkpoint("checkpoints/checkpoint_tests_small.pth")["state_dict"]
    for name in ("classifier.3.weight", "classifier.3.bias"):
        torch.testing.assert_close(trained[name], state[name], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("left", "criterion"),
    [
        (None, None),
        ("5 outputs", None),
        ("no head", None),
        ("no head", "rank"),
        ("no head", "regress"),
        ("5 outputs", "regress"),
    ],
)
def test_a_new_head_starts_at_the_mean_of_the_labels(
    left: str | None, criterion: str | None, workplace: Callable[..., Path]
) -> None:
    """Whatever the file says of the scores that another head gave."""
    workplace("regress")  # MOS of 4.5, 3 and 1.5
    state = lively(ARCH, 5 if left == "5 outputs" else 1, (64, 64)).state_dict()
    if left == "no head":
        del state["classifier.3.weight"], state["classifier.3.bias"]
    spec = ModelSpec(ARCH, image_size=(64, 64), score_percentiles=(40.0,) * 50 + (60.0,) * 51)
    content = {"state_dict": state, "spec": spec.with_(criterion=criterion).to_dict()} if criterion else state
    torch.save(content, "weights.pth")
    weights = [] if left is None else ["--resume", "weights.pth"]
    still = ["--lr", "1e-12", "--wd", "0", "--criterion", "regress"]
    assert main(["--train", *SMALL, *still, *weights]) == 0
    bias = load_checkpoint("checkpoints/checkpoint_tests_small.pth")["state_dict"]["classifier.3.bias"]
    assert bias.item() == pytest.approx(3, abs=0.13)  # 64 features: drawn from within 0.125 of 0


def test_evaluation_repeats_bit_for_bit(workplace: Callable[..., Path]) -> None:
    workplace("regress")
    assert main(["--train", *SMALL, "--criterion", "regress", "--lr", "1e-3"]) == 0
    seen = []
    for extra in (["-b", "1", "-j", "0"], ["-b", "5", "-j", "0"], ["-b", "256", "-j", "2"]):
        assert main(["-e", "--resume", "checkpoints/model_best_tests_small.pth", *extra]) == 0
        metrics = json.loads(newest("test_*/metrics.json").read_text(encoding="utf-8"))
        seen.append((predictions(), metrics["figures"], metrics["intervals"]))
    assert len(set(seen[0][0].values())) == len(seen[0][0])
    assert seen[0] == seen[1] == seen[2]


def test_rank_reports_types_and_levels_of_a_manifest(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = workplace("rank")
    names = [f"data/test/scene0_{level}.png" for level in range(3)]
    lines = ["path,type,level", *(f"{name},gblur,{level}" for level, name in enumerate(names))]
    (folder / "data/test/manifest.csv").write_text("\n".join(lines), encoding="utf-8")
    assert main(["--train", *SMALL]) == 0
    assert main(["-e", "--resume", "checkpoints/model_best_tests_small.pth", "-j", "0"]) == 0
    metrics = json.loads(newest("test_*/metrics.json").read_text(encoding="utf-8"))
    assert [metrics["pair_accuracy"]["gblur"][level]["pairs"] for level in ("1", "2")] == [1, 2]
    with newest("test_*/predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    right = sum(float(row["score_better"]) > float(row["score_worse"]) for row in rows)
    assert metrics["figures"]["pair_accuracy"] == right / len(rows) == right / 3
    assert "gblur" in capsys.readouterr().out
