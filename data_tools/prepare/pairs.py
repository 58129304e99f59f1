"""Pairs (better, worse) of a rated set."""

from collections.abc import Iterator

import numpy as np

from public_datasets.table import RatingTable
from utils.errors import ConfigError

SHARE = 0.1  # of the scale, where neither deviations nor a gap are known


def pairs_of(
    table: RatingTable,
    splits: np.ndarray,
    min_gap: float | None,
    drawn: int | None,
    seed: int,
    ties: bool = False,
) -> np.ndarray:
    """(P, 2) row numbers (better, worse), both of one split; with `ties` pairs of equal MOS, too.

    Without ratings: all pairs within a scene and type, the lower level above, pristine above all. With
    ratings: all pairs within a scene whose MOS differ enough (`gaps`), across types too. Sets without scenes:
    `drawn` random partners per image.

    Raises:
        ConfigError: the set has no scenes and `drawn` is None; or no pair is left.
    """
    if np.isnan(table.mos).all():
        pairs = _by_level(table)
    else:
        scenes = len(np.unique(table.scene))
        if drawn is None and scenes == len(table):
            raise ConfigError(
                f"{table.name}: every image is a scene of its own, so there are no pairs within scenes; "
                "use --task regress (or emd), or --random_pairs K to compare different photographs"
            )
        chosen = _by_scene(table) if drawn is None else _at_random(splits, drawn, seed)
        candidates = np.unique(np.concatenate([np.empty((0, 2), int), *chosen]), axis=0)
        pairs = _ordered(table, candidates, min_gap, ties)
    # an official split may cut a scene
    pairs = pairs[splits[pairs[:, 0]] == splits[pairs[:, 1]]]
    if not len(pairs):
        raise ConfigError(f"{table.name}: no pair differs by enough; lower --min_gap")
    return pairs


def shares_of(table: RatingTable, pairs: np.ndarray, deviation: float | None) -> np.ndarray:
    """(P,) probabilities that a rating of the first image of a pair lies above one of the second.

    p = Phi((mos_1 - mos_2) / sqrt(s_1^2 + s_2^2)) of Thurstone's model, with the deviation s of one rating
    (Zhang et al., Uncertainty-aware blind image quality assessment, TIP 2021).

    Args:
        deviation: s of images whose set gives none.

    Raises:
        ConfigError: the set has no ratings; or images have no deviation, and none is given.
    """
    from scipy.special import ndtr

    if np.isnan(table.mos).all():
        raise ConfigError(f"{table.name}: nobody rated these images, so there are no --probabilities")
    unknown = ~np.isfinite(table.std)
    if unknown.any() and deviation is None:
        raise ConfigError(
            f"{table.name}: {int(unknown.sum())} of {len(table)} images have no deviation of their ratings; "
            "give one by --deviation D, in units of the MOS"
        )
    squares = np.where(unknown, deviation or 0.0, table.std) ** 2
    difference = table.mos[pairs[:, 0]] - table.mos[pairs[:, 1]]
    spread = np.sqrt(squares[pairs].sum(axis=1))
    # all raters of both agree: certain, or a tie
    certain = np.where(difference == 0, 0.5, difference > 0)
    return np.where(spread > 0, ndtr(difference / np.where(spread > 0, spread, 1.0)), certain)


def gaps(table: RatingTable, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The least difference of MOS that counts, for each pair of rows.

    Two standard errors of the difference, 2 sqrt(s1^2/n1 + s2^2/n2), where deviations and numbers of ratings
    are known; elsewhere a tenth of the scale, or the root mean square of the two deviations if that is more.
    """
    squares = table.std**2
    known = np.isfinite(squares)
    voted = known & (table.votes > 0)
    errors = np.where(voted, squares / np.maximum(table.votes, 1), np.nan)
    by_votes = 2 * np.sqrt(errors[first] + errors[second])
    by_scale = SHARE * (table.provenance.high - table.provenance.low)
    by_std = np.maximum(by_scale, np.sqrt((squares[first] + squares[second]) / 2))
    return np.where(
        voted[first] & voted[second], by_votes, np.where(known[first] & known[second], by_std, by_scale)
    )


def gap_rule(table: RatingTable, min_gap: float | None, ties: bool = False) -> str:
    """In words, which difference `gaps` asks for; for dataset.yaml."""
    if ties and not min_gap:
        return "any two, with their probability"
    if np.isnan(table.mos).all():
        return "levels"
    if min_gap is not None:
        return f"MOS differ by at least {min_gap:g}"
    tenth = SHARE * (table.provenance.high - table.provenance.low)
    by_scale = f"MOS differ by at least {tenth:g}, a tenth of the scale"
    if np.isfinite(table.std).all():
        voted = (table.votes > 0).all()
        return "two standard errors of the difference" if voted else f"{by_scale}, and by the two deviations"
    return by_scale


def _ordered(table: RatingTable, pairs: np.ndarray, min_gap: float | None, ties: bool) -> np.ndarray:
    first, second = pairs[:, 0], pairs[:, 1]
    difference = table.mos[first] - table.mos[second]
    least = 0.0 if ties and min_gap is None else min_gap
    needed = gaps(table, first, second) if least is None else np.full(len(pairs), least)
    clear = (np.abs(difference) >= needed) & (ties | (difference != 0))
    return np.where((difference >= 0)[:, None], pairs, pairs[:, ::-1])[clear]


def _groups(*keys: np.ndarray) -> Iterator[np.ndarray]:
    """The row numbers of each distinct combination of `keys`, in the order of the rows."""
    codes = np.zeros(len(keys[0]), dtype=np.int64)
    for key in keys:
        names, code = np.unique(key, return_inverse=True)
        codes = codes * len(names) + code
    order = np.argsort(codes, kind="stable")
    cuts = np.flatnonzero(np.diff(codes[order])) + 1
    yield from np.split(order, cuts)


def _by_scene(table: RatingTable) -> Iterator[np.ndarray]:
    keys = (table.scene, table.kind) if table.provenance.within_type else (table.scene,)
    for rows in _groups(*keys):
        first, second = np.triu_indices(len(rows), 1)
        yield np.stack([rows[first], rows[second]], axis=1)


def _by_level(table: RatingTable) -> np.ndarray:
    pristine = {str(table.scene[row]): row for row in np.flatnonzero(table.level == 0)}
    distorted = np.flatnonzero(table.level > 0)
    found = [np.empty((0, 2), int)]
    for group in _groups(table.scene[distorted], table.kind[distorted]):
        rows = distorted[group]
        rows = rows[np.argsort(table.level[rows], kind="stable")]
        top = pristine.get(str(table.scene[rows[0]]))
        ladder = rows if top is None else np.concatenate([[top], rows])
        first, second = np.triu_indices(len(ladder), 1)
        found.append(np.stack([ladder[first], ladder[second]], axis=1))
    pairs = np.concatenate(found)
    return pairs[table.level[pairs[:, 0]] < table.level[pairs[:, 1]]]


def _at_random(splits: np.ndarray, drawn: int, seed: int) -> Iterator[np.ndarray]:
    for rows in _groups(splits):
        if len(rows) < 2:
            continue
        rng = np.random.default_rng([seed & 0xFFFFFFFF, len(rows)])
        for _ in range(min(drawn, len(rows) - 1)):
            # a cycle through a random order pairs nobody with himself
            order = rng.permutation(rows)
            both = np.sort(np.stack([order, np.roll(order, 1)], axis=1), axis=1)
            yield both
