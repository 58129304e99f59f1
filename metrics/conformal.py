"""Split-conformal quantiles of errors, for intervals of scores, and the coverage that intervals reach.

Images of one scene fail together, so that n of them say less than n independent ones: for the finite-sample
rank ceil((n + 1) c) n over the design effect (Kish 1965, Survey Sampling, section 5.4) takes the place of n.
Where each image is a scene of its own both are the same, and the promise is the exact one of Lei et al.
(2018), Distribution-free predictive inference for regression, theorem 2.
"""

import itertools
import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from rankiqa.intervals import COVERAGE, NO_SPREAD, SPREADS, Intervals
from utils.errors import DataError

GROUPS = 3  # of the score: the coverage holds in each
COVERAGES = tuple(round(percent / 100, 2) for percent in range(50, 100))
NARROWER = 0.98  # of the width: what a spread must bring to be taken
KNOTS = 9
FOLDS = 5  # of scenes, in which a spread is judged by errors it has not seen
CERTAIN = 2.0  # standard errors over scenes by which a spread must explain unseen errors better than none
FLOOR = 0.1  # of the mean error, below which no spread falls

Signals = Mapping[str, np.ndarray]


class Calibration(NamedTuple):
    """Intervals, and the mean width at the wanted coverage for each spread that was tried.

    Attributes:
        intervals: with the spread of the narrowest ones.
        widths: spread -> mean width over the images, cut at the ends of the labels.
        plain: one width for all, without groups and spread, to compare with.
        plain_width: its mean, cut at the ends.
    """

    intervals: Intervals
    widths: dict[str, float]
    plain: Intervals
    plain_width: float


class Reached(NamedTuple):
    """What intervals do on labelled images.

    Attributes:
        images: how many.
        coverage: share whose label lies inside.
        width: mean.
    """

    images: int
    coverage: float
    width: float


def calibrate(
    signals: Signals, labels: np.ndarray, scenes: np.ndarray, coverage: float = COVERAGE
) -> Calibration:
    """Intervals from images that training has not seen.

    Args:
        signals: (n,) each: "score", and "crops" and "ratings" where there are such, see `Intervals`.
        labels: (n,) on the scale of the scores.
        scenes: (n,) names or numbers; images of one are not independent.
        coverage: that must be possible.

    Raises:
        DataError: too few scenes for it, or labels on another scale than the scores.
    """
    scores, labels = signals["score"].astype(np.float64), labels.astype(np.float64)
    _require_one_scale(scores, labels)
    _, scene = np.unique(scenes, return_inverse=True)
    bounds = tuple(map(float, np.quantile(scores, np.arange(1, GROUPS) / GROUPS)))
    groups = np.searchsorted(bounds, scores, side="right")
    _require_scenes(groups, scene, coverage)
    errors = np.abs(labels - scores)
    ends = float(labels.min()), float(labels.max())
    scene_count = int(scene.max()) + 1
    folds = np.random.default_rng(0).permutation(scene_count)[scene] % FOLDS
    place, found, widths = COVERAGES.index(_stored(coverage)), {}, {}
    even = _unseen_means(groups, errors, folds)
    allowed = [NO_SPREAD]
    for spread in SPREADS:
        units = _unseen_units(spread, signals, errors, folds)
        if units is None:
            continue
        rows = [_quantiles(errors[own] / units[own], scene[own]) for own in _members(groups)]
        most = min(map(len, rows))
        if place >= most and spread == NO_SPREAD:
            raise DataError(_too_few(groups, scene, coverage))
        if place >= most:
            continue
        if spread != NO_SPREAD and _explains(units, even, errors, scene):
            allowed.append(spread)
        knots = _knots(signals[spread], errors) if spread != NO_SPREAD else ()
        table = tuple(row[:most] for row in rows)
        found[spread] = Intervals(
            spread, knots, bounds, COVERAGES[:most], table, ends, len(scores), scene_count
        )
        half = np.array([row[place] for row in table])[groups] * units
        widths[spread] = _mean_width(scores, half, ends)
    best = min(allowed, key=lambda name: widths[name] * (NARROWER if name == NO_SPREAD else 1))
    row = _quantiles(errors, scene)
    plain = Intervals(NO_SPREAD, (), (), COVERAGES[: len(row)], (row,), ends, len(scores), scene_count)
    half = np.full(len(scores), row[min(place, len(row) - 1)])
    return Calibration(found[best], widths, plain, _mean_width(scores, half, ends))


def reached(low: np.ndarray, high: np.ndarray, labels: np.ndarray) -> Reached:
    """The share of labels inside of intervals, ends included, and their mean width; (n,) each, n > 0."""
    inside = (low <= labels) & (labels <= high)
    return Reached(len(labels), float(inside.mean()), float((high - low).mean(dtype=np.float64)))


def independent_images(missed: np.ndarray, scene: np.ndarray) -> float:
    """How many independent images say as much of a share as these: n over the design effect.

    Args:
        missed: bool (n,), whose share it is.
        scene: int (n,) numbers; within one, outcomes correlate by the intraclass correlation of the analysis
            of variance (Donner 1986, A review of inference procedures for the intraclass correlation).
    """
    _, number, sizes = np.unique(scene, return_inverse=True, return_counts=True)
    count, clusters = len(missed), len(sizes)
    if count == clusters or clusters < 2:
        return float(clusters)
    means = np.bincount(number, weights=missed) / sizes
    between = float((sizes * (means - missed.mean()) ** 2).sum()) / (clusters - 1)
    within = float(((missed - means[number]) ** 2).sum()) / (count - clusters)
    size = (count - float((sizes**2).sum()) / count) / (clusters - 1)
    total = between + (size - 1) * within
    correlation = min(max((between - within) / total, 0.0), 1.0) if total > 0 else 0.0
    return count / (1 + (size - 1) * correlation)


def _quantiles(errors: np.ndarray, scene: np.ndarray) -> tuple[float, ...]:
    """The finite-sample quantile of each of COVERAGES, up to the highest that the images allow."""
    ordered, count = np.sort(errors), len(errors)
    middle = ordered[min(math.ceil(COVERAGE * count), count) - 1]
    independent = independent_images(errors > middle, scene)
    found = []
    for coverage in COVERAGES:
        rank = math.ceil(count * (1 + 1 / independent) * coverage - 1e-9)
        if rank > count or _scenes_needed(coverage) > len(np.unique(scene)):
            break
        found.append(float(ordered[rank - 1]))
    return tuple(found)


def _unseen_units(spread: str, signals: Signals, errors: np.ndarray, folds: np.ndarray) -> np.ndarray | None:
    """(n,) the typical error of each image by a spread that other folds gave; None where it says nothing."""
    if spread == NO_SPREAD:
        return np.ones(len(errors))
    values = signals.get(spread)
    if values is None or np.ptp(values) == 0 or folds.max() < FOLDS - 1:
        return None
    units = np.empty(len(errors))
    for fold in range(FOLDS):
        own = folds == fold
        units[own] = np.interp(values[own], *np.array(_knots(values[~own], errors[~own])).T)
    return units


def _unseen_means(groups: np.ndarray, errors: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """(n,) the mean error of each image's group in the other folds: the spread of no spread."""
    means = np.full(len(errors), np.finfo(np.float64).tiny)
    for own, fold in itertools.product(_members(groups), np.unique(folds)):
        others = own & (folds != fold)
        means[own & (folds == fold)] += errors[others if others.any() else own].mean()
    return means


def _explains(units: np.ndarray, even: np.ndarray, errors: np.ndarray, scene: np.ndarray) -> bool:
    """Whether units describe unseen errors better than even ones do, beyond chance.

    By the log-likelihood of an exponential distribution of each mean, averaged over each scene. Widths alone
    would let the spread win that chance has made the narrowest, and its coverage would be lower than told.
    """
    gains = np.log(even / units) + errors / even - errors / units
    of_scene = np.bincount(scene, weights=gains) / np.bincount(scene)
    error = of_scene.std(ddof=1) / math.sqrt(len(of_scene))
    return bool(of_scene.mean() > CERTAIN * error)


def _knots(values: np.ndarray, errors: np.ndarray) -> tuple[tuple[float, float], ...]:
    """(value, mean error near it), by Gaussian weights (Nadaraya 1964), at quantiles of the values."""
    values = values.astype(np.float64)
    places = np.unique(np.quantile(values, np.linspace(0, 1, KNOTS)))
    width = max(float(np.ptp(np.quantile(values, (0.1, 0.9)))), 1e-3 * float(np.ptp(values))) / (KNOTS - 1)
    weights = np.exp(-0.5 * ((values - places[:, None]) / width) ** 2)
    near = weights @ errors / weights.sum(axis=1)
    least = max(FLOOR * float(errors.mean()), np.finfo(np.float64).tiny)
    return tuple((float(place), float(max(error, least))) for place, error in zip(places, near, strict=True))


def _mean_width(scores: np.ndarray, half: np.ndarray, ends: tuple[float, float]) -> float:
    low = np.minimum(np.clip(scores - half, *ends), scores)
    return float((np.maximum(np.clip(scores + half, *ends), scores) - low).mean())


def _members(groups: np.ndarray) -> list[np.ndarray]:
    return [groups == group for group in range(GROUPS)]


def _stored(coverage: float) -> float:
    """The lowest of COVERAGES that is not below `coverage`."""
    above = [one for one in COVERAGES if one >= coverage - 1e-9]
    if not above:
        raise DataError(f"--coverage {coverage:g}: intervals are made up to {COVERAGES[-1]:g}")
    return above[0]


def _scenes_needed(coverage: float) -> int:
    """Fewest n with ceil((n + 1) c) <= n."""
    return math.ceil(coverage / (1 - coverage) - 1e-9)


def _require_scenes(groups: np.ndarray, scene: np.ndarray, coverage: float) -> None:
    needed = _scenes_needed(_stored(coverage))
    if min(len(np.unique(scene[own])) for own in _members(groups)) < needed:
        raise DataError(_too_few(groups, scene, coverage))


def _too_few(groups: np.ndarray, scene: np.ndarray, coverage: float) -> str:
    needed = _scenes_needed(_stored(coverage))
    held = min(len(np.unique(scene[own])) for own in _members(groups))
    return (
        f"intervals of {coverage:.0%} need labelled images of at least {needed} scenes in each third of the "
        f"scores, independent ones; here a third has {held}, all {len(np.unique(scene))} scenes, "
        f"{len(scene)} images"
    )


def _require_one_scale(scores: np.ndarray, labels: np.ndarray) -> None:
    """Raise DataError where the mean label is as good an estimate of the labels as the scores are."""
    error, spread = float(np.mean((labels - scores) ** 2)), float(np.var(labels))
    if error >= spread:
        raise DataError(
            f"scores from {scores.min():.4g} to {scores.max():.4g} miss the labels, {labels.min():.4g} to "
            f"{labels.max():.4g}, by more than the mean label does: another scale, or nothing learned; "
            "train on labels of this scale"
        )
