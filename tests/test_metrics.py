"""Oracles: loops over all pairs, formulas in numpy (the code calls SciPy: no oracle), known parameters."""

import math

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from metrics.bootstrap import bootstrap_intervals
from metrics.correlation import krcc, plcc, srcc
from metrics.emd import emd, mean_rating, middle_accuracy
from metrics.error import mae, rmse
from metrics.logistic import LogisticFit, fit_logistic
from metrics.pair_accuracy import pair_accuracy
from metrics.task import (
    METRICS,
    Preferences,
    best_key,
    emd_metrics,
    fitted_metrics,
    preference_metrics,
    rank_metrics,
    regress_metrics,
)


def pearson(x, y) -> float:
    x, y = np.asarray(x) - np.mean(x), np.asarray(y) - np.mean(y)
    return (x @ y) / math.sqrt((x @ x) * (y @ y))


def average_ranks(x) -> list[float]:
    return [sum(b < a for b in x) + (sum(b == a for b in x) + 1) / 2 for a in x]


def tau_b(x, y) -> float:
    balance = pairs_x = pairs_y = 0
    for i in range(len(x)):
        for j in range(i):
            a, b = np.sign(x[i] - x[j]), np.sign(y[i] - y[j])
            balance, pairs_x, pairs_y = balance + a * b, pairs_x + abs(a), pairs_y + abs(b)
    return balance / math.sqrt(pairs_x * pairs_y)


@pytest.mark.parametrize("count", [2, 3, 10, 120])
@pytest.mark.parametrize("ties", [False, True])
def test_correlations_against_loops_over_all_pairs(count, ties):
    rng = np.random.default_rng(count)
    x = rng.normal(size=count)
    y = x + rng.normal(size=count)
    if ties and count > 3:
        x, y = np.round(x), np.round(y)
    assert srcc(x, y) == pytest.approx(pearson(average_ranks(x), average_ranks(y)), abs=1e-12)
    assert plcc(x, y) == pytest.approx(pearson(x, y), abs=1e-12)
    assert krcc(x, y) == pytest.approx(tau_b(x, y), abs=1e-12)


def test_correlations_by_hand():
    assert srcc([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]) == pytest.approx(
        8 / math.sqrt(10 * 9.5)
    )  # ranks 1 2 3.5 5 3.5
    assert krcc([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(4 / 6)  # five pairs agree, one does not
    assert [measure([1, 2, 3], [9, 5, 1]) for measure in (srcc, plcc, krcc)] == pytest.approx([-1, -1, -1])


@pytest.mark.parametrize(("measure", "name"), [(srcc, "SRCC"), (plcc, "PLCC"), (krcc, "KRCC")])
@pytest.mark.parametrize(
    ("x", "y", "cause"),
    [
        ([2.5, 2.5, 2.5], [1, 2, 3], "all predictions equal 2.5"),
        ([1, 2, 3], [4, 4, 4], "all opinions equal 4"),
        ([1], [2], "1 images"),
        ([], [], "0 images"),
        ([1, np.nan, 3], [1, 2, 3], "not finite"),
        ([1, 2, 3], [1, 2, np.inf], "not finite"),
    ],
)
def test_undefined_correlations_are_nan_and_name_the_cause(measure, name, x, y, cause):
    with pytest.warns(UserWarning, match=f"{name} is undefined: .*{cause}"):
        assert math.isnan(measure(np.array(x, float), np.array(y, float)))


@pytest.mark.parametrize("measure", [srcc, plcc, krcc, rmse, mae])
@pytest.mark.parametrize("shapes", [((4, 1), (4,)), ((3,), (4,)), ((4, 1), (4, 1))])
def test_shapes_that_would_broadcast_are_refused(measure, shapes):
    with pytest.raises(ValueError) as caught:
        measure(*(np.ones(shape) for shape in shapes))
    assert all(str(shape) in str(caught.value) for shape in shapes)


def test_errors_against_loops():
    x, y = np.random.default_rng(0).normal(size=(2, 50))
    assert rmse(x, y) == pytest.approx(math.sqrt(sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) / 50))
    assert mae(x, y) == pytest.approx(sum(abs(a - b) for a, b in zip(x, y, strict=True)) / 50)
    far = np.full(1000, 1e4, np.float32)
    assert rmse(far + np.float32(0.5), far) == 0.5


@pytest.mark.parametrize("bins", [2, 5, 10])
def test_emd_against_scipy_and_a_loop(bins):
    probs, hist = np.random.default_rng(bins).dirichlet(np.ones(bins), (2, 30))
    ratings = np.arange(1, bins + 1)
    wanted = [wasserstein_distance(ratings, ratings, p, q) / bins for p, q in zip(probs, hist, strict=True)]
    np.testing.assert_allclose(emd(probs, hist, 1), wanted, rtol=1e-12)
    squares = [
        sum((sum(p[: k + 1]) - sum(q[: k + 1])) ** 2 for k in range(bins))
        for p, q in zip(probs, hist, strict=True)
    ]
    np.testing.assert_allclose(emd(probs, hist, 2), np.sqrt(np.array(squares) / bins), rtol=1e-10)
    assert not emd(hist, hist, 2).any()


def test_metrics_of_distributions_by_hand():
    hist = np.array([[1, 0, 0, 0], [0, 0, 0, 1], [0, 0.5, 0.5, 0], [0.25, 0.25, 0.25, 0.25]])
    assert mean_rating(hist).tolist() == [1, 4, 2.5, 2.5]
    assert middle_accuracy(np.array([1, 2.6, 2.5, 4, 1.9]), np.array([2.4, 3, 2.4, 2.5, 2.1]), 4) == 0.8
    metrics = emd_metrics(hist, hist)
    assert metrics["emd_r1"] == metrics["emd_r2"] == 0 and metrics["accuracy"] == 1
    assert [metrics[name] for name in ("srcc", "plcc", "srcc_std", "plcc_std")] == pytest.approx([1] * 4)
    # deviations of the rows are 0, 0, 1/2 and sqrt(5)/2; against three rows of known ones:
    other = np.array([[0.5, 0, 0, 0.5], [0, 1, 0, 0], [0, 0.5, 0.5, 0], [1, 0, 0, 0]])
    wanted = pearson([0, 0, 0.5, math.sqrt(5) / 2], [1.5, 0, 0.5, 0])
    assert emd_metrics(hist, other)["plcc_std"] == pytest.approx(wanted)


@pytest.mark.parametrize(
    "parameters", [(5, 1, 0.3, 0.8), (90, 10, -40, 12), (1, 5, 2, 0.5), (0, 9, 1e4, 300)]
)
def test_logistic_fit_recovers_known_parameters(parameters):
    b1, b2, b3, b4 = parameters  # the last two fall
    x = np.random.default_rng(0).uniform(b3 - 4 * b4, b3 + 4 * b4, 200)
    mos = b2 + (b1 - b2) / (1 + np.exp(-(x - b3) / b4))
    fit = fit_logistic(x, mos)
    mirrored = (fit.b2, fit.b1) if (fit.b1 > fit.b2) != (b1 > b2) else (fit.b1, fit.b2)
    assert mirrored == pytest.approx((b1, b2), rel=1e-5, abs=1e-5)
    assert (fit.b3, fit.b4) == pytest.approx((b3, b4), rel=1e-5)
    np.testing.assert_allclose(fit(x), mos, atol=1e-5 * abs(b1 - b2))
    metrics = fitted_metrics(x, mos)
    assert metrics["plcc_fit"] == pytest.approx(1) and metrics["rmse_fit"] == pytest.approx(0, abs=1e-4)
    assert (np.diff(fit(np.sort(x))) * np.sign(b1 - b2) >= 0).all()


def test_logistic_curve_by_hand():
    fit = LogisticFit(5.0, 1.0, 2.0, 0.5)
    expected = [3, 1 + 4 / (1 + math.exp(-1)), 5, 1]
    assert fit(np.array([2, 2.5, 1e6, -1e6])).tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("x", "y", "cause"),
    [
        ([1, 2, 3, 4], [1, 2, 3, 4], "4 images, and five are the least"),
        ([2] * 9, range(9), "all predictions equal 2"),
        (range(9), [3] * 9, "all opinions equal 3"),
        ([*range(8), np.nan], range(9), "not finite"),
        (np.linspace(-3, 3, 300), np.exp(2 * np.linspace(-3, 3, 300)), "does not converge"),
    ],
)
def test_no_logistic_fit_is_said_with_its_cause(x, y, cause):
    x, y = np.array(x, float), np.array(y, float)
    with pytest.warns(UserWarning, match=f"no logistic fit: .*{cause}"):
        assert fit_logistic(x, y) is None
    with pytest.warns(UserWarning):
        assert fitted_metrics(x, y) == {}


def test_logistic_fit_of_a_step_is_silent(recwarn):
    x = np.random.default_rng(0).normal(size=1000)
    assert rmse(fit_logistic(x, x > 0.5)(x), x > 0.5) < 1e-6 and not len(recwarn)


def test_pair_accuracy_counts_ties_as_wrong():
    scores, pairs = np.array([3.0, 2.0, 2.0, 1.0]), np.array([[0, 1], [1, 2], [3, 0], [1, 3], [0, 3]])
    counted = pair_accuracy(scores[pairs[:, 0]], scores[pairs[:, 1]])
    assert tuple(counted) == (3, 1, 5) and counted.accuracy == 0.6
    metrics = rank_metrics(scores, pairs)
    assert metrics == {"pair_accuracy": 0.6, "ties": 1, "score_gap": pytest.approx((1 + 0 - 2 + 1 + 2) / 5)}
    assert pair_accuracy(np.full(3, np.nan), np.ones(3)).accuracy == 0
    assert math.isnan(pair_accuracy(np.empty(0), np.empty(0)).accuracy)


NAN = float("nan")
LADDERS = {  # from the worst to the best model
    "rank": [
        {"pair_accuracy": NAN, "loss": 0.1},
        {"pair_accuracy": 0.5, "loss": NAN},
        {"pair_accuracy": 0.5, "loss": 0.9},
        {"pair_accuracy": 0.5, "loss": 0.2},
        {"pair_accuracy": 0.9, "loss": 5.0},
    ],
    "emd": [
        {"emd_r1": value, "loss": loss} for value, loss in ((NAN, 0.0), (0.5, 0.1), (0.2, 0.3), (0.0, 9.0))
    ],
    "regress": [
        {"srcc": NAN, "loss": NAN},
        {"srcc": NAN, "loss": 4.0},
        {"srcc": NAN, "loss": 1.0},
        {"srcc": NAN, "loss": 0.0},
        {"srcc": -1.0, "loss": 9.0},
        {"srcc": 0.0, "loss": 9.0},
        {"srcc": 0.9, "loss": 20.0},
    ],
}


@pytest.mark.parametrize("task", LADDERS)
def test_a_worse_model_never_replaces_a_better_one(task):
    keys = [best_key(task, metrics) for metrics in LADDERS[task]]
    for i, low in enumerate(keys):
        assert not low > low
        assert all(high > low and not low > high for high in keys[i + 1 :])


def test_directions_of_the_metrics():
    falling = {name for name, metric in METRICS.items() if not metric.higher_is_better}
    errors = {"emd_r1", "emd_r2", "rmse", "mae", "rmse_fit", "calibration_error"}
    assert falling == {"loss", "ties", "reasons_loss"} | errors
    rng = np.random.default_rng(0)
    pairs, probs = rng.integers(0, 9, (9, 2)), rng.dirichlet(np.ones(4), 9)
    named = rank_metrics(rng.random(9), pairs) | emd_metrics(probs, probs[::-1])
    named |= regress_metrics(rng.random(9), rng.random(9)) | fitted_metrics(
        np.arange(9.0), np.arange(9.0) ** 2
    )
    log_shares = np.log(rng.dirichlet(np.ones(2), 9))
    named |= preference_metrics(Preferences(pairs, rng.random(9), np.ones(9), log_shares))
    reasons = {name for name in METRICS if name.startswith("reasons_")}  # tests/test_reasons_metrics.py
    assert set(named) | reasons | {"loss"} == set(METRICS)


def mean_of(values: np.ndarray) -> dict[str, float]:
    return {"mean": float(values.mean())}


def test_bootstrap_covers_the_true_mean_about_as_often_as_promised():
    rng, hits = np.random.default_rng(0), 0
    for _ in range(300):
        low, high = bootstrap_intervals(mean_of, rng.normal(3.0, 2.0, 50), resamples=150)["mean"]
        hits += low <= 3.0 <= high
    assert 0.88 <= hits / 300 <= 0.99


def test_bootstrap_width_and_repetition():
    values = np.random.default_rng(1).normal(size=400)
    low, high = bootstrap_intervals(mean_of, values)["mean"]
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)  # the normal approximation
    assert bootstrap_intervals(mean_of, values)["mean"] == (low, high)
    assert bootstrap_intervals(mean_of, values, seed=1)["mean"] != (low, high)
    narrow = bootstrap_intervals(mean_of, values, level=0.5)["mean"]
    assert low < narrow[0] < narrow[1] < high


def test_bootstrap_draws_the_same_rows_of_every_array():
    x = np.random.default_rng(2).normal(size=30)
    found = bootstrap_intervals(
        lambda a, b: {"gap": float(np.abs(a - b[:, 0]).max())}, x, x[:, None], resamples=50
    )
    assert found["gap"] == (0, 0)


def test_bootstrap_of_groups_covers_the_true_mean_where_rows_rise_and_fall_together():
    rng = np.random.default_rng(3)
    hits = {True: 0, False: 0}
    for _ in range(150):
        groups = np.repeat(np.arange(25), 8)
        values = 3 + rng.normal(size=25)[groups] + rng.normal(0, 0.3, 200)
        for whole in hits:
            found = bootstrap_intervals(mean_of, values, groups=groups if whole else None, resamples=150)
            hits[whole] += found["mean"][0] <= 3 <= found["mean"][1]
    assert 0.86 <= hits[True] / 150 <= 0.99
    assert hits[False] / 150 < 0.7  # why rows are not drawn one by one


def test_bootstrap_draws_whole_groups():
    groups = np.array(["b", "a", "b", "c", "a", "a"])
    seen = []
    bootstrap_intervals(
        lambda names: seen.append(names) or {"rows": float(len(names))}, groups, groups=groups, resamples=40
    )
    for names in seen:
        assert sum(np.sum(names == name) // size for name, size in zip("abc", (3, 2, 1), strict=True)) == 3
        assert all(np.sum(names == name) % size == 0 for name, size in zip("abc", (3, 2, 1), strict=True))


def test_logistic_fit_is_not_turned_round_by_one_far_score():
    quality = np.random.default_rng(0).uniform(1, 5, 46)
    scores = quality + np.random.default_rng(1).normal(0, 0.3, 46)
    scores[np.argmin(quality)] = 60
    fit = fit_logistic(scores, quality)
    assert pearson(scores, quality) < 0.1 and pearson(fit(scores), quality) > 0.8


def test_bootstrap_of_an_undefined_figure_is_nan_in_silence(recwarn):
    found = bootstrap_intervals(regress_metrics, np.full(20, 2.0), np.arange(20.0), resamples=50)
    assert all(math.isnan(value) for name in ("srcc", "plcc", "krcc") for value in found[name])
    assert found["rmse"][0] < found["rmse"][1] and not len(recwarn)
    rare = np.r_[np.zeros(19), 1.0]  # about a third of the draws lack the only one: still defined
    low, high = bootstrap_intervals(regress_metrics, rare, np.arange(20.0), resamples=100)["srcc"]
    assert -1 <= low < high <= 1


# Rat42 of NIST's Statistical Reference Datasets (Ratkowsky 1983, pasture yield against time): the
# model y = b1 / (1 + exp(b2 - b3 x)) and parameters that are certified to 11 digits.
RAT42 = [(9, 8.93), (14, 10.8), (21, 18.59), (28, 22.33), (42, 39.35), (57, 56.11), (63, 61.73), (70, 64.62)]
RAT42 += [(79, 67.08)]


def test_logistic_fit_of_a_certified_example():
    """NIST StRD Rat42: certified 72.462237576, 2.6180768402, 0.067359200066, residual sum 8.0565229338.

    The certified curve has its lower end at 0. Ours may move that end, so its residual must be no larger; and
    images enough at a known lower end bring ours to the certified curve.
    """
    x, y = np.array(RAT42, float).T
    fit = fit_logistic(x, y)
    assert float(((fit(x) - y) ** 2).sum()) <= 8.0565229338
    far = np.linspace(-900, -300, 20_000)
    anchored = fit_logistic(np.r_[far, x], np.r_[np.zeros_like(far), y])
    assert anchored.b1 == pytest.approx(72.462237576, rel=1e-4)
    assert anchored.b3 / anchored.b4 == pytest.approx(2.6180768402, rel=1e-4)
    assert 1 / anchored.b4 == pytest.approx(0.067359200066, rel=1e-4)
    assert float(((anchored(x) - y) ** 2).sum()) == pytest.approx(8.0565229338, rel=1e-4)


def test_correlations_agree_with_scipy():
    from scipy import stats

    for seed in range(20):
        x, noise = np.random.default_rng(seed).normal(size=(2, 80))
        x, y = np.round(x, 1), np.round(x + noise, 1)
        assert srcc(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
        assert plcc(x, y) == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-12)
        assert krcc(x, y) == pytest.approx(stats.kendalltau(x, y).statistic, abs=1e-12)
