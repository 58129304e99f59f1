"""Notices that name the cause, and only where the number of images can say so."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from applications.evaluation.predictions import Predictions
from applications.setup.data import on_shared_images
from applications.training.advice import on_averages, on_scores
from dataloader.labels import Labels, load_labels
from dataloader.string_table import StringTable
from main import main
from metrics.task import rank_metrics, regress_metrics
from tests.test_continue import RUN

pytestmark = pytest.mark.usefixtures("few_draws", "without_plots")


def labels_of(task: str, images: np.ndarray, targets: np.ndarray) -> Labels:
    names = StringTable([f"{number}.png" for number in range(int(images.max()) + 1)])
    return Labels(
        task, Path("val/label.txt"), names, names, images.astype(np.int32), targets, targets.astype(float)
    )


def told(task: str, scores: np.ndarray, images: np.ndarray, mos: np.ndarray) -> str:
    labels = labels_of(task, images, mos)
    metrics = rank_metrics(scores, images) if task == "rank" else regress_metrics(scores, mos)
    result = Predictions(scores[:, None], scores, np.arange(len(images)), metrics)
    return "\n".join(on_scores(labels, result))


def rated(scores: list[float], mos: list[float]) -> str:
    return told("regress", np.array(scores), np.arange(len(scores))[:, None], np.array(mos))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("count", "collapsed"), [(1, False), (2, True), (30, True)])
def test_one_image_can_not_show_a_collapse(count: int, collapsed: bool) -> None:
    said = rated([0.5] * count, list(range(count)))
    assert ("the model has collapsed" in said) == collapsed
    assert "collapsed" not in rated([0.5 + 0.01 * number for number in range(count)], list(range(count)))


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6, 7, 8, 12, 100])
def test_an_inverted_order_is_named_where_it_can_not_be_chance(count: int) -> None:
    """Guesses invert n images with probability 1/n!; from 7 on that is below 0.001."""
    said = rated([float(-number) for number in range(count)], [float(number) for number in range(count)])
    assert ("worse than chance" in said) == (count >= 7)


def test_a_weak_correlation_needs_many_images() -> None:
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(400):  # a model that guesses
        alarms += "worse than chance" in rated(list(rng.normal(size=20)), list(rng.normal(size=20)))
    assert alarms <= 10  # 4 are expected, 10 or more have a probability below 1%
    mos = rng.normal(size=2000)
    assert "worse than chance" in rated(list(rng.normal(size=2000) - 0.2 * mos), list(mos))


@pytest.mark.parametrize(
    ("scenes", "levels", "named"), [(1, 3, False), (1, 5, False), (1, 8, True), (4, 3, True)]
)
def test_pairs_of_few_images_say_little(scenes: int, levels: int, named: bool) -> None:
    """All pairs of a ladder follow from its neighbours: 3 levels hold 2 comparisons, not 3."""
    pairs = np.array(
        [
            (scene * levels + better, scene * levels + worse)
            for scene in range(scenes)
            for better in range(levels)
            for worse in range(better + 1, levels)
        ]
    )
    scores = np.tile(np.arange(levels, dtype=float), scenes)  # the worse, the higher
    said = told("rank", scores, pairs, np.empty((len(pairs), 0), np.float32))
    assert ("worse than chance" in said) == named
    assert told("rank", -scores, pairs, np.empty((len(pairs), 0), np.float32)) == ""


def test_averages_that_say_little() -> None:
    [said] = on_averages(0.999, None, 50)
    assert "--ema 0.999 looks back about 1000 updates, but the run has 50" in said
    assert f"{0.999**49:.0%}" in said and "--ema 0.94" in said
    assert not list(on_averages(0.999, None, 1000)) and not list(on_averages(0.9, None, 40))
    assert not list(on_averages(None, None, 1)) and not list(on_averages(None, 2, 1))
    assert "last epoch alone" in "".join(on_averages(None, 1, 40))


def test_shared_images_are_found_under_any_name(workplace: Callable[..., Path]) -> None:
    root = workplace("regress")
    train = load_labels(root / "data/train/label.txt", "regress")
    assert not list(on_shared_images(train, load_labels(root / "data/val/label.txt", "regress")))
    (root / "data/val/link.png").symlink_to(root / "data/train/scene0_0.png")
    os.link(root / "data/train/scene0_1.png", root / "data/val/hard.png")
    (root / "data/alias").symlink_to(root / "data/train")
    (root / "data/val/label.txt").write_text(
        "data/val/link.png,1\ndata/val/hard.png,2\ndata/alias/scene1_0.png,3\n"
        f"{root}/data/train/scene1_1.png,4\ndata/val/../train/scene1_2.png,5\ndata/val/scene0_0.png,2\n"
    )
    [said] = on_shared_images(train, load_labels(root / "data/val/label.txt", "regress"))
    assert said.startswith("5 of 6 images of ") and "val/label.txt are in" in said and "link.png" in said


def test_a_run_tells_of_shared_images_and_of_a_slow_average(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = workplace("regress")
    rows = (root / "data/train/label.txt").read_text().splitlines(keepends=True)
    for split, count in (("val", 2), ("test", 6)):
        with (root / f"data/{split}/label.txt").open("a") as file:
            file.writelines(rows[:count])
    run = [*RUN, "--criterion", "regress", "-j", "0", "--epochs", "1", "--warmup", "0", "--ema", "0.999"]
    assert main(run) == 0
    said = capsys.readouterr().err
    assert "2 of 8 images of data/val/label.txt are in data/train/label.txt too" in said
    assert "--ema 0.999 looks back about 1000 updates, but the run has 3" in said
    best = "checkpoints/model_best_tests_small.pth"
    for argv in (["-e", "--resume", best], ["-e", "--compare", best, best]):
        assert main([*argv, "-j", "0", "-g", "0"]) == 0
        assert (
            "6 of 12 images of data/test/label.txt are in data/train/label.txt too" in capsys.readouterr().err
        )
    (root / "data/train/label.txt").unlink()
    assert main(["-e", "--resume", best, "-j", "0", "-g", "0"]) == 0
    assert "images of" not in capsys.readouterr().err
    [path] = Path("logs").glob("train_*/metrics.jsonl")
    assert json.loads(path.read_text())["epoch"] == 1
