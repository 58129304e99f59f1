"""Oracles: simulated models of equal worth, Steiger's test, the metrics of two runs of -e."""

import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from main import main
from metrics.significance import compare_scenes, meng_rosenthal_rubin_test
from rankiqa.spec import ModelSpec
from tests import programs
from tests.conftest import lively
from tests.small_arch import SMALL_ARCH
from utils.checkpoint import save_checkpoint

pytestmark = pytest.mark.usefixtures("few_draws")


def test_equal_models_are_called_different_as_often_as_the_level_says() -> None:
    """Two models with equal noise, 2000 times: p below .05 in about 5% of them, p uniform."""
    rng = np.random.default_rng(0)
    values = []
    for _ in range(2000):
        truth, shared = rng.normal(size=(2, 60))
        a, b = (truth + 0.5 * shared + 0.6 * rng.normal(size=60) for _ in range(2))
        r = np.corrcoef([truth, a, b])
        values.append(meng_rosenthal_rubin_test(r[0, 1], r[0, 2], r[1, 2], 60).p_value)
    assert np.mean(np.array(values) < 0.05) == pytest.approx(0.05, abs=0.015)
    assert stats.kstest(values, "uniform").pvalue > 0.01


def test_it_agrees_with_steigers_test_where_both_hold() -> None:
    """Steiger 1980, equation 14 with pooled correlations, written out."""
    first, second, between, count = 0.62, 0.55, 0.7, 400
    mean = (first + second) / 2
    psi = between * (1 - 2 * mean**2) - 0.5 * mean**2 * (1 - 2 * mean**2 - between**2)
    covariance = psi / (1 - mean**2) ** 2
    z = (math.atanh(first) - math.atanh(second)) * math.sqrt((count - 3) / (2 - 2 * covariance))
    ours = meng_rosenthal_rubin_test(first, second, between, count)
    assert ours.statistic == pytest.approx(z, rel=0.01)
    assert ours.p_value == pytest.approx(2 * stats.norm.sf(z), rel=0.05)
    turned = meng_rosenthal_rubin_test(second, first, between, count)
    assert turned.statistic == -ours.statistic


def test_scenes_by_all_exchanges() -> None:
    """Oracle: every way to exchange the two counts of some of the scenes, in a loop."""
    first, second = np.array([9, 7, 8, 5, 9, 6, 7]), np.array([7, 7, 5, 6, 6, 5, 5])
    differences = first - second
    sums = [np.dot(signs, differences) for signs in itertools.product((1, -1), repeat=len(first))]
    above = np.mean([each >= differences.sum() for each in sums])
    ours = compare_scenes(first, second)
    assert ours.p_value == pytest.approx(min(1, 2 * above)) and ours.statistic > 0
    assert compare_scenes(second, first).statistic == -ours.statistic
    assert compare_scenes(first, first) == (0, 1)
    assert math.isnan(compare_scenes(first[:1], second[:1]).p_value)


def test_equal_rankers_are_called_different_as_often_as_the_level_says() -> None:
    """Pairs of a scene rise and fall together: single pairs would say "different" a third of the time."""
    rng = np.random.default_rng(0)
    called = []
    for _ in range(150):
        share = np.clip(0.8 + rng.normal(0, 0.12, (2, 10)), 0, 1)  # of each model in each of ten scenes
        called.append(compare_scenes(*rng.binomial(60, share)).p_value < 0.05)
    assert 0 < np.mean(called) < 0.11


def test_correlations_that_are_undefined_have_no_verdict() -> None:
    assert math.isnan(meng_rosenthal_rubin_test(0.5, math.nan, 0.2, 50).p_value)
    assert math.isnan(meng_rosenthal_rubin_test(0.5, 0.4, 0.2, 3).p_value)


def model(name: str, seed: int, criterion: str, num_classes: int = 1) -> None:
    spec = ModelSpec(SMALL_ARCH, num_classes, image_size=(64, 64), criterion=criterion)
    network = lively(spec.arch, num_classes, spec.image_size, seed)
    save_checkpoint(name, {"state_dict": network.state_dict(), "spec": spec.to_dict()})


@pytest.mark.parametrize(("task", "bins"), [("rank", 1), ("regress", 1), ("emd", 5)])
def test_the_metrics_are_those_of_two_evaluations(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str], task: str, bins: int
) -> None:
    workplace(task, scenes=2)
    for number, name in enumerate(("a.pth", "b.pth")):
        model(name, number, task, bins)
        assert main(["-e", "--resume", name, "-g", "0", "-j", "0", "--logdir", name[0]]) == 0
    capsys.readouterr()
    assert main("-e --compare a.pth b.pth -g 0 -j 0 --logdir both".split()) == 0
    out = capsys.readouterr().out
    assert "A - B" in out and "p value" in out
    found = json.loads(next(Path("both").rglob("metrics.json")).read_text())
    for metrics, folder in zip(found["figures"], "ab", strict=True):
        alone = json.loads(next(Path(folder).rglob("metrics.json")).read_text())["figures"]
        for name, value in metrics.items():
            if value is not None:
                assert value == pytest.approx(alone[name], nan_ok=True)


def test_a_model_against_itself_does_not_differ(workplace: Callable[..., Path]) -> None:
    workplace("rank", scenes=2)
    model("a.pth", 0, "rank")
    assert main("-e --compare a.pth a.pth -g 0 -j 0".split()) == 0
    found = json.loads(next(Path("logs").rglob("metrics.json")).read_text())
    assert found["difference_intervals"]["pair_accuracy"] == [0, 0]
    assert found["tests"]["pair_accuracy"]["p_value"] == 1


def test_the_fit_is_compared_and_scenes_of_a_table_are_drawn(workplace: Callable[..., Path]) -> None:
    """Oracle: the same difference with a bootstrap of its own, which draws scenes."""
    workplace("regress", scenes=4)
    for number, name in enumerate(("a.pth", "b.pth")):
        model(name, number, "regress")
    rows = ["path,scene,type,level"]
    rows += [
        f"data/test/scene{scene}_{level}.png,s{scene},gblur,{level}"
        for scene in range(4)
        for level in range(3)
    ]
    command = "-e --compare a.pth b.pth -g 0 -j 0 --logdir"
    assert main([*command.split(), "alone"]) == 0
    Path("data/test/manifest.csv").write_text("\n".join(rows) + "\n")
    assert main([*command.split(), "scenes"]) == 0
    spans = {}
    for folder in ("alone", "scenes"):
        found = json.loads(next(Path(folder).rglob("metrics.json")).read_text())
        assert {"plcc_fit", "rmse_fit"} <= set(found["figures"][0]) | set(found["difference_intervals"])
        spans[folder] = found["difference_intervals"]["mae"]
    assert spans["alone"] != spans["scenes"]


def test_other_numbers_of_ratings_are_told(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("emd")
    model("a.pth", 0, "emd", 5)
    model("b.pth", 1, "emd", 4)
    assert main("-e --compare a.pth b.pth -g 0 -j 0".split()) == 2
    assert "gives ratings 1..5, b.pth 1..4" in capsys.readouterr().err


def test_models_for_other_tasks_are_refused(
    workplace: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    workplace("rank")
    model("a.pth", 0, "rank")
    model("b.pth", 0, "regress")
    assert main("-e --compare a.pth b.pth -g 0".split()) == 2
    assert "--criterion judges both" in capsys.readouterr().err


def test_training_that_goes_nowhere_is_told_why(workplace: Callable[..., Path]) -> None:
    root = workplace("regress", scenes=2)
    label = root / "data/train/label.txt"
    names = [line.split(",")[0] for line in label.read_text().splitlines()]
    label.write_text("".join(f"{name},3\n" for name in names))
    command = f"--train --criterion regress -a {SMALL_ARCH} --image_size 64 64 --epochs 1 -b 3 -j 0 -g 0"
    done = programs.run(*command.split())
    assert done.returncode == 0 and "all 6 rows have the same label" in done.stdout + done.stderr


def test_advice_names_the_cause() -> None:
    from applications.training.advice import on_epoch

    assert "is the margin" in " ".join(on_epoch("rank", 1.0, 1.0004))
    assert not list(on_epoch("rank", 1.0, 0.4))
    assert not list(on_epoch("regress", 1.0, 1.0))
