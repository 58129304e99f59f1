"""Equal means of ratings are ties, however the counts are written. Oracles: exact fractions, SciPy."""

import csv
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from dataloader.labels import load_labels
from main import main
from metrics.emd import mean_rating, rating_deviation
from metrics.task import emd_metrics
from rankiqa.spec import ModelSpec
from tests.conftest import lively
from tests.small_arch import SMALL_ARCH
from utils.checkpoint import load_checkpoint, save_checkpoint

# means 3, 3, 3, 3, 1 and 5; variances 4/3, 4, 3/8, 2, 0 and 0
COUNTS = [
    [1, 2, 3, 2, 1],
    [5, 0, 0, 0, 5],
    [0, 3, 10, 3, 0],
    [2, 2, 2, 2, 2],
    [10, 0, 0, 0, 0],
    [0, 0, 0, 0, 7],
]
pytestmark = pytest.mark.usefixtures("few_draws", "without_plots")
SMALL = "--criterion emd --num_classes 5 -g 0 -j 0 --logdir out".split()


def moments(counts: list[int]) -> tuple[Fraction, Fraction]:
    """Mean and variance of the ratings, exactly."""
    total, ratings = sum(counts), range(1, len(counts) + 1)
    mean = Fraction(sum(r * c for r, c in zip(ratings, counts, strict=True)), total)
    return mean, sum(c * (r - mean) ** 2 for r, c in zip(ratings, counts, strict=True)) / total


def written(counts: list[int], form: str) -> list[str]:
    if form == "counts":
        return [str(count) for count in counts]
    if form == "many":  # ten million votes each
        return [str(count * 1_000_000) for count in counts]
    if form == "float32":
        return [repr(float(np.float32(count))) for count in counts]
    return [repr(count / sum(counts)) for count in counts]  # shares


@pytest.mark.parametrize("bins", [2, 5, 10])
@pytest.mark.parametrize("form", ["counts", "many", "shares"])
def test_moments_are_equal_where_fractions_are(bins: int, form: str) -> None:
    rng = np.random.default_rng(bins)
    counts = [row for row in rng.integers(0, 9, (600, bins)).tolist() if sum(row)]
    counts += [[7 * count for count in row] for row in counts] + [row[::-1] for row in counts]
    rows = np.array([[float(text) for text in written(row, form)] for row in counts])
    for place, values in enumerate((mean_rating(rows), rating_deviation(rows) ** 2)):
        exact = [moments(row)[place] for row in counts]
        np.testing.assert_allclose(values, [float(value) for value in exact], rtol=1e-11, atol=1e-11)
        places = {value: rank for rank, value in enumerate(sorted(set(exact)))}
        np.testing.assert_array_equal(
            stats.rankdata(rating_deviation(rows) if place else values, "dense") - 1,
            [places[value] for value in exact],
        )


def test_means_of_many_votes_that_differ_by_one_stay_apart() -> None:
    rows = np.array([[500_000, 500_000], [500_001, 499_999], [1_000_000, 999_999]], dtype=float)
    assert len(set(mean_rating(rows))) == 3


def test_metrics_of_ties_by_hand() -> None:
    """Of six images four have the mean 3, the middle. Before: SRCC .464, accuracy .667."""
    counts = [[10, 0, 0, 0, 0], [0, 0, 0, 0, 7], [1, 2, 3, 2, 1], [5, 0, 0, 0, 5], [0, 3, 9, 3, 0], [2] * 5]
    means = np.array([2.0, 3.9, 3.2, 3.6, 2.5, 3.4])
    lower = np.floor(means).astype(int)
    probs = np.zeros((6, 5))
    probs[range(6), lower - 1], probs[range(6), lower] = lower + 1 - means, means - lower
    metrics = emd_metrics(probs, np.array(counts, np.float64))
    # ranks 1 and 6 at the ends, 3.5 four times between: sqrt(12.5 / 17.5); right: t0, t1, t4
    assert metrics["srcc"] == pytest.approx(np.sqrt(12.5 / 17.5), abs=1e-12)
    assert metrics["accuracy"] == 0.5


def test_equal_opinions_have_no_correlation() -> None:
    """Means of 3 all; before, the last digits of float32 shares were correlated with."""
    with pytest.warns(UserWarning, match="SRCC is undefined: all opinions equal 3"):
        metrics = emd_metrics(np.random.default_rng(0).dirichlet(np.ones(5), 4), np.array(COUNTS[:4]))
    assert np.isnan(metrics["srcc"]) and np.isnan(metrics["plcc"]) and metrics["srcc_std"] < 1


@pytest.fixture
def rated(workplace: Callable[..., Path], request: pytest.FixtureRequest) -> Path:
    """The six images of each split with COUNTS; m.pth, a model that tells them apart."""
    root = workplace("emd", 2)
    for split in ("train", "val", "test"):
        names = [f"data/{split}/scene{scene}_{level}.png" for scene in range(2) for level in range(3)]
        lines = [
            ",".join([name, *written(counts, request.param)])
            for name, counts in zip(names, COUNTS, strict=True)
        ]
        (root / "data" / split / "label.txt").write_text("\n".join(lines) + "\n")
    spec = ModelSpec(SMALL_ARCH, 5, image_size=(32, 32), criterion="emd")
    network = lively(spec.arch, 5, spec.image_size)
    for name in ("m.pth", "n.pth"):
        save_checkpoint(name, {"state_dict": network.state_dict(), "spec": spec.to_dict()})
    return root


def right_metrics(shares: np.ndarray) -> dict[str, float]:
    """Of (6, 5) predicted shares against COUNTS."""
    ratings = np.arange(1, 6)
    means = shares @ ratings / shares.sum(1)
    deviations = np.sqrt((shares * (ratings - means[:, None]) ** 2).sum(1) / shares.sum(1))
    wanted = np.array([[float(value) for value in moments(counts)] for counts in COUNTS])
    return {
        "srcc": stats.spearmanr(means, wanted[:, 0]).statistic,
        "srcc_std": stats.spearmanr(deviations, wanted[:, 1]).statistic,
        "accuracy": np.mean((means > 3) == (wanted[:, 0] > 3)),
    }


@pytest.mark.parametrize("rated", ["counts", "many", "float32", "shares"], indirect=True)
def test_metrics_of_tied_means(rated: Path) -> None:
    assert main(["-e", *SMALL, "--resume", "m.pth"]) == 0
    folder = next(Path("out").glob("test_*"))
    with (folder / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["mos"] for row in rows] == ["3.0"] * 4 + ["1.0", "5.0"]
    shares = np.array([[float(row[f"p{rating}"]) for rating in range(1, 6)] for row in rows])
    metrics = json.loads((folder / "metrics.json").read_text())["figures"]
    wanted = right_metrics(shares)
    assert {name: metrics[name] for name in wanted} == pytest.approx(wanted, abs=1e-12)

    run = ["--train", *SMALL, "-a", SMALL_ARCH, "--image_size", "32", "32", "-b", "6"]
    assert main([*run, "--resume", "m.pth", "--lr", "1e-12", "--wd", "0", "--epochs", "1"]) == 0
    validated = load_checkpoint("checkpoints/model_best_tests_small.pth")["figures"]
    possible = [stats.spearmanr(order, [3, 3, 3, 3, 1, 5]).statistic for order in orders()]
    assert any(validated["srcc"] == pytest.approx(value, abs=1e-12) for value in possible)


def orders() -> list[np.ndarray]:
    """The ranks that six scores can have, as far as they matter: where the two last ones stand."""
    ranks = range(6)
    return [
        np.array([*(set(ranks) - {first, last}), first, last])
        for first in ranks
        for last in ranks
        if first != last
    ]


@pytest.mark.parametrize("rated", ["counts", "shares"], indirect=True)
def test_comparison_and_folds_see_the_ties(rated: Path) -> None:
    assert main(["-e", "--compare", "m.pth", "n.pth", *SMALL]) == 0
    told = json.loads(next(Path("out").glob("compare_*/metrics.json")).read_text())
    assert "3.0000000" not in json.dumps(told)
    flags = ["-a", SMALL_ARCH, "--image_size", "32", "32", "-b", "6", "--resume", "m.pth"]
    assert main(["--train", "--folds", "3", *SMALL, *flags, "--epochs", "1", "--checkpoint_dir", "k"]) == 0
    for file in Path("k").glob("fold_*/data/*/label.txt"):
        means = mean_rating(load_labels(file, "emd", 5).opinions)
        assert set(means.tolist()) <= {1.0, 3.0, 5.0}
