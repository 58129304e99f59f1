"""Shares of raters through training and evaluation. Oracles: SciPy and plain loops over predictions.csv."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import special, stats

from applications.setup.fold_data import cut, gather_rows, write_fold
from config import parse_config
from criterions.factory import create_criterion
from dataloader.batches import RowBatches
from dataloader.datasets import TrainDataset
from dataloader.labels import load_labels
from main import main
from rankiqa.spec import RANK_LOSSES, ModelSpec
from rankiqa.views import View
from tests import programs
from tests.conftest import free_port, lively
from tests.small_arch import SMALL_ARCH, STEADY_ARCH
from utils.checkpoint import load_checkpoint, save_checkpoint

pytestmark = pytest.mark.usefixtures("without_plots")

ARCH = SMALL_ARCH
RUN = [*("--train", "-a", ARCH, "--image_size", "64", "64", "-j", "0", "-g", "0", "--criterion", "rank")]
SHARES = ["0.9", "1", "0.55", "0.5", "0.2", "0.75"]


def with_shares(split: str, votes: bool = True) -> None:
    """Give the pairs of a split shares, and votes; every third row stands in the other order."""
    file = Path(f"data/{split}/label.txt")
    rows = [line.split(",") for line in file.read_text().split()]
    for number, row in enumerate(rows):
        row[:] = [*(row if number % 3 else reversed(row)), SHARES[number % len(SHARES)]]
        row += [str(1 + 3 * number % 7)] if votes else []
    file.write_text("".join(f"{','.join(row)}\n" for row in rows))


def model(name: str, rank_loss: str, seed: int = 0) -> None:
    spec = ModelSpec(SMALL_ARCH, 1, image_size=(64, 64), rank_loss=rank_loss)
    network = lively(spec.arch, 1, spec.image_size, seed)
    save_checkpoint(name, {"state_dict": network.state_dict(), "spec": spec.to_dict()})


def found(folder: str) -> tuple[dict, list[dict[str, str]]]:
    run = next(Path(folder).glob("test_*"))
    with (run / "predictions.csv").open(newline="") as file:
        return json.loads((run / "metrics.json").read_text()), list(csv.DictReader(file))


def evaluate(folder: str, *argv: str) -> tuple[dict, list[dict[str, str]]]:
    assert main(["-e", "-g", "0", "-j", "0", "--logdir", folder, *argv]) == 0
    return found(folder)


@pytest.fixture
def judged(workplace: Callable[..., Path]) -> Path:
    """A working directory whose test split has 6 scenes with shares of raters."""
    from tests.conftest import write_split

    root = workplace("rank")
    write_split(root, "test", "rank", 6)
    with_shares("test")
    return root


@pytest.mark.parametrize(
    ("rank_loss", "share_of"),
    [("logistic", special.expit), ("fidelity", lambda gap: stats.norm.cdf(gap / np.sqrt(2)))],
)
def test_metrics_of_shares(
    judged: Path,
    capsys: pytest.CaptureFixture[str],
    rank_loss: str,
    share_of: Callable[[np.ndarray], np.ndarray],
) -> None:
    model("m.pth", rank_loss)
    metrics, rows = evaluate("out", "--resume", "m.pth", "--tie", "0.05")
    columns = ("p", "votes", "score_first", "score_second", "predicted_p")
    p, votes, first, second, predicted = (np.array([float(row[name]) for row in rows]) for name in columns)
    assert votes.tolist() == [1 + 3 * number % 7 for number in range(18)]
    np.testing.assert_allclose(predicted, share_of(first - second), rtol=1e-9)
    ties = np.abs(p - 0.5) <= 0.0501
    right = np.sign(first - second) == np.sign(p - 0.5)
    assert [row["right"] for row in rows] == [
        "" if tie else str(int(ok)) for tie, ok in zip(ties, right, strict=True)
    ]
    figures = metrics["figures"]
    assert metrics["preferences"]["ties_left_out"] == ties.sum() == 6
    assert figures["pair_accuracy"] == pytest.approx(right[~ties].mean())
    gaps = (first - second) * np.sign(p - 0.5)
    assert figures["score_gap"] == pytest.approx(gaps[~ties].mean(), rel=1e-5)
    likelihood = p * np.log(predicted) + (1 - p) * np.log(1 - predicted)
    assert figures["log_likelihood"] == pytest.approx(np.average(likelihood, weights=votes), rel=1e-9)
    entropy = special.entr(p) + special.entr(1 - p)
    assert figures["log_likelihood_best"] == pytest.approx(-np.average(entropy, weights=votes), rel=1e-9)
    if rank_loss == "logistic":
        assert figures["loss"] == pytest.approx(-figures["log_likelihood"], rel=1e-5)
    sure, seen = np.maximum(predicted, 1 - predicted), np.where(predicted > 0.5, p, 1 - p)
    error = 0.0
    for place, one in enumerate(metrics["preferences"]["calibration"]):
        low, high = 0.5 + place / 10, 0.6 + place / 10
        own = (sure >= low) & (sure < high)
        assert one["votes"] == votes[own].sum() and one["low"] == pytest.approx(low)
        if own.any():
            assert one["predicted"] == pytest.approx(np.average(sure[own], weights=votes[own]))
            assert one["observed"] == pytest.approx(np.average(seen[own], weights=votes[own]))
            error += votes[own].sum() / votes.sum() * abs(one["predicted"] - one["observed"])
    assert figures["calibration_error"] == pytest.approx(error)
    for name in ("pair_accuracy", "log_likelihood", "log_likelihood_best", "calibration_error"):
        low, high = metrics["intervals"][name]
        assert low <= high and np.isfinite([low, high]).all()
    assert next(Path("out").glob("test_*/calibration.png")).read_bytes()[:4] == b"\x89PNG"
    said = capsys.readouterr().out
    assert "6 ties are left out of pair accuracy" in said
    assert "log-likelihood, best possible" in said and "0.5 to 0.6" in said


def test_scores_of_a_hinge_have_no_unit_unless_one_is_given(
    judged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model("m.pth", "hinge")
    metrics, rows = evaluate("hinge", "--resume", "m.pth")
    assert "log_likelihood" not in metrics["figures"] and metrics["preferences"]["calibration"] == []
    assert metrics["preferences"]["ties_left_out"] == 3 and {row["predicted_p"] for row in rows} == {""}
    given, _ = evaluate("given", "--resume", "m.pth", "--rank_loss", "logistic")
    assert given["figures"]["pair_accuracy"] == metrics["figures"]["pair_accuracy"]
    assert given["figures"]["loss"] == pytest.approx(-given["figures"]["log_likelihood"], rel=1e-5)
    assert "--rank_loss logistic replaces the hinge of m.pth" in capsys.readouterr().err


def test_the_best_likelihood_is_that_of_all_votes_on_a_pair(judged: Path) -> None:
    first, second = Path("data/test/label.txt").read_text().split(",")[:2]
    rows = [(first, second, 1), (second, first, 1), (first, second, 1), (second, first, 0)]
    Path("data/test/label.txt").write_text("".join(f"{a},{b},{p}\n" for a, b, p in rows))
    model("m.pth", "logistic")
    metrics, _ = evaluate("out", "--resume", "m.pth")
    assert metrics["figures"]["log_likelihood_best"] == pytest.approx(-special.entr([0.75, 0.25]).sum())
    assert metrics["figures"]["log_likelihood"] <= metrics["figures"]["log_likelihood_best"]
    assert metrics["figures"]["pair_accuracy"] in (0.25, 0.75)


def test_two_models_are_compared_by_likelihood(judged: Path) -> None:
    for number, name in enumerate(("a.pth", "b.pth")):
        model(name, "logistic", number)
    assert main("-e --compare a.pth b.pth -g 0 -j 0".split()) == 0
    both = json.loads(next(Path("logs").rglob("metrics.json")).read_text())
    low, high = both["difference_intervals"]["log_likelihood"]
    difference = both["figures"][0]["log_likelihood"] - both["figures"][1]["log_likelihood"]
    assert low <= difference <= high
    assert both["tests"]["log_likelihood"]["statistic"] * difference > 0
    assert "log_likelihood_best" not in both["difference_intervals"]


@pytest.mark.usefixtures("without_plots")
def test_training_keeps_the_unit_of_its_scores(workplace: Callable[..., Path]) -> None:
    workplace("rank", scenes=3)
    for split in ("train", "val", "test"):
        with_shares(split, votes=split != "val")
    run = [*RUN, "--epochs", "3", "--warmup", "0", "--lr", "1e-3", "-b", "4", "--rank_loss", "fidelity"]
    assert main(run) == 0
    best = load_checkpoint(f"checkpoints/model_best_{ARCH.replace('/', '_')}.pth")
    assert best["spec"]["rank_loss"] == "fidelity"
    lines = next(Path("logs").rglob("metrics.jsonl")).read_text().splitlines()
    losses = [json.loads(line)["loss"] for line in lines]
    assert best["figures"]["loss"] == pytest.approx(min(losses), rel=1e-6)
    assert {"log_likelihood", "calibration_error", "pair_accuracy"} <= set(best["figures"])
    # a calibrated or averaged file has no flags; its spec alone says what the scores mean
    save_checkpoint("bare.pth", {name: best[name] for name in ("state_dict", "spec")})
    metrics, rows = evaluate("out", "--resume", "bare.pth")
    assert metrics["figures"]["log_likelihood"] < 0 and rows[0]["predicted_p"]


# It normalises each image by itself, and draws nothing: what remains is the arithmetic of rows.
ARITHMETIC = [*RUN, "-a", STEADY_ARCH, "--image_size", "32", "32", "--no_augment", "--warmup", "0"]
ARITHMETIC += ["--epochs", "1", "--optimizer", "sgd", "--lr", "1e-2", "--rank_loss", "logistic"]


def learned(folder: str, *argv: str) -> dict[str, torch.Tensor]:
    assert main([*ARITHMETIC, "--checkpoint_dir", folder, *argv]) == 0
    return load_checkpoint(f"{folder}/checkpoint_tests_steady.pth")["state_dict"]


def distance(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    return max(float((one[name] - other[name]).abs().max()) for name in one)


@pytest.mark.usefixtures("without_plots")
def test_an_unreadable_image_takes_its_rows_along(workplace: Callable[..., Path]) -> None:
    """Oracle: a label file without its rows."""
    workplace("rank", scenes=2)
    with_shares("train", votes=False)
    file = Path("data/train/label.txt")
    lines = file.read_text().splitlines(keepends=True)
    bad = Path(lines[-1].split(",")[0])
    whole = bad.read_bytes()
    bad.write_bytes(whole[:100])
    skipped = learned("skipped", "--bad_images", "skip", "-b", "8")
    bad.write_bytes(whole)
    file.write_text("".join(line for line in lines if str(bad) not in line))
    assert distance(skipped, learned("without", "-b", "8")) < 1e-6


@pytest.mark.slow
@pytest.mark.usefixtures("without_plots")
def test_two_processes_learn_what_one_does(workplace: Callable[..., Path]) -> None:
    workplace("rank", scenes=3)
    with_shares("train")
    one = learned("one", "-b", "9")
    address = ["--init_method", f"tcp://127.0.0.1:{free_port()}"]
    done = programs.run(*ARITHMETIC, "-b", "5", "--checkpoint_dir", "two", "--procs_per_node", "2", *address)
    assert done.returncode == 0, done.stderr
    two = load_checkpoint("two/checkpoint_tests_steady.pth")["state_dict"]
    assert distance(one, two) < 1e-6


@pytest.mark.parametrize("rank_loss", RANK_LOSSES)
def test_processes_and_siamese_rows_share_the_loss_of_the_joint_batch(
    workplace: Callable[..., Path], rank_loss: str
) -> None:
    """Gradients of a linear network on pixels: weighted means over processes, and rows decoded one by one."""
    workplace("rank", scenes=3)
    with_shares("train")
    labels = load_labels("data/train/label.txt", "rank")
    criterion = create_criterion("rank", rank_loss=rank_loss)
    view = View("fit", (32, 32))

    def gradient(rank: int, world_size: int, siamese: bool = False) -> torch.Tensor:
        weights = torch.linspace(-1, 1, 3 * 32 * 32, dtype=torch.float64).requires_grad_()
        batches = RowBatches(labels.images, len(labels.paths), 9 // world_size + 1, 0, world_size, rank)
        (step,) = batches
        batch = TrainDataset(labels, view, None, siamese)[step]
        logits = (batch.images.double().flatten(1) / 255 @ weights)[:, None]
        (criterion(logits, batch.pair_index, batch.targets.double()) * batch.weight).backward()
        assert weights.grad is not None
        return weights.grad

    joint = gradient(0, 1)
    assert joint.abs().max() > 0
    torch.testing.assert_close(gradient(0, 1, siamese=True), joint)
    torch.testing.assert_close((gradient(0, 2) + gradient(1, 2)) / 2, joint)


def test_folds_keep_shares_votes_and_order(workplace: Callable[..., Path]) -> None:
    workplace("rank", scenes=5)
    for split in ("train", "val", "test"):
        with_shares(split)
    config = parse_config(["--train", "--criterion", "rank", "--folds", "3"])
    rows = gather_rows(config)
    write_fold(Path("fold"), rows, cut(rows, 3, 0), 0, 3)
    said = {}
    for folder in ("data", "fold/train", "fold/val", "fold/test"):
        for file in sorted(Path(folder).rglob("label.txt")):
            labels = load_labels(file, "rank")
            for images, opinion in zip(labels.images, labels.opinions.tolist(), strict=True):
                pair = tuple(Path(labels.paths[image]).absolute() for image in images)
                said.setdefault(folder[:4], []).append((*pair, *opinion))
    assert sorted(said["fold"]) == sorted(said["data"]) and len(said["data"]) == 21


def test_a_pair_file_of_ties_has_nothing_to_order(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("rank", scenes=1)
    for split in ("train", "val", "test"):
        file = Path(f"data/{split}/label.txt")
        file.write_text("".join(f"{line},0.5\n" for line in file.read_text().split()))
    assert main([*RUN, "--epochs", "1", "-b", "4"]) == 0
    said = capsys.readouterr().err
    assert "pairs are ties; there is no order to learn" in said and "hinge learns the order" in said
    metrics, _ = evaluate("out", "--resume", f"checkpoints/model_best_{ARCH.replace('/', '_')}.pth")
    assert metrics["figures"]["pair_accuracy"] is None
