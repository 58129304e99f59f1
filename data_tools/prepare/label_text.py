"""Rows of label.txt for the three tasks, and what each task refuses."""

from collections.abc import Iterator

import numpy as np

from data_tools.prepare.max_entropy import max_entropy
from public_datasets.table import LeftOut, RatingTable
from utils.errors import ConfigError

_LARGEST = float(np.finfo(np.float32).max)  # of label.txt
BINS = 10  # of made histograms, unless --num_classes says otherwise


def span(table: RatingTable) -> tuple[float, float]:
    """The scale of the set, widened where MOS lie beyond it, as realigned DMOS do."""
    return (
        float(min(table.provenance.low, np.nanmin(table.mos))),
        float(max(table.provenance.high, np.nanmax(table.mos))),
    )


def _wide_span(table: RatingTable) -> tuple[float, float]:
    low, high = span(table)
    if not 0 < high - low < np.inf:
        raise ConfigError(
            f"{table.name}: scores run from {low:g} to {high:g}, a range that can't be mapped onto another"
            + ("; all are equal: check the column of scores" if low == high else "")
        )
    return low, high


def regress_targets(
    table: RatingTable, rescale: tuple[float, float] | None, num_classes: int | None
) -> np.ndarray:
    """(R,) MOS as label.txt gets them.

    Raises:
        ConfigError: the set has no ratings; all are equal, so that they can't be rescaled; a MOS lies outside
            1..num_classes.
    """
    _need_ratings(table, "regress")
    mos = table.mos
    if len(mos) > 1 and mos.min() == mos.max():
        table.notes.append(f"all MOS are {mos[0]:g}: there is no order to learn")
    if rescale is not None:
        low, high = _wide_span(table)
        mos = rescale[0] + (mos - low) / (high - low) * (rescale[1] - rescale[0])
        mos = np.clip(mos, *rescale)  # undoes the rounding at the ends
    if num_classes is not None and num_classes > 1 and not ((mos >= 1) & (mos <= num_classes)).all():
        raise ConfigError(
            f"{table.name}: MOS run from {mos.min():g} to {mos.max():g}, but with "
            f"--num_classes {num_classes} they must lie in 1..{num_classes}; add --rescale 1 {num_classes}"
        )
    if not (np.abs(mos) <= _LARGEST).all():
        raise ConfigError(f"{table.name}: MOS run to {np.abs(mos).max():g}, beyond float32; add --rescale")
    return mos


def emd_targets(
    table: RatingTable, synthesize: bool, num_classes: int | None
) -> tuple[RatingTable, np.ndarray, str]:
    """The table, its (R, N) distributions, and how they came about ("" for the publisher's own).

    Rows without a deviation are left out where distributions are made.

    Raises:
        ConfigError: no histograms and none asked for; another N than theirs; no deviations to make them from.
    """
    _need_ratings(table, "emd")
    if table.histogram is not None:
        bins = table.histogram.shape[1]
        if num_classes not in (None, bins):
            raise ConfigError(
                f"{table.name}: ratings run from 1 to {bins}, so --num_classes is {bins}, not {num_classes}"
            )
        return table, table.histogram, ""
    if not synthesize:
        raise ConfigError(
            f"{table.name}: has no histograms of ratings 1..N; --synthesize_histogram makes distributions of "
            "maximum entropy from mean and deviation, or use --task regress"
        )
    known = np.isfinite(table.std)
    if not known.any():
        raise ConfigError(
            f"{table.name}: has no deviations here, so no distribution can be made; use --task regress"
        )
    table.left_out += [
        LeftOut(f"row {row + 1}", str(table.path[row]), "no deviation to make a distribution from")
        for row in np.flatnonzero(~known)
    ]
    table = table.keep(known)
    return _synthesized(table, num_classes or BINS)


def _synthesized(table: RatingTable, bins: int) -> tuple[RatingTable, np.ndarray, str]:
    if bins < 2:
        raise ConfigError("--num_classes must be 2 or more for distributions")
    low, high = _wide_span(table)
    step = (high - low) / (bins - 1)
    probs, moved = max_entropy(1 + (table.mos - low) / step, table.std / step, bins)
    probs = np.clip(probs, 0, None)
    if moved.any():
        table.notes.append(
            f"{int(moved.sum())} deviations were moved to the nearest that a distribution can have"
        )
    return table, probs, f"maximum entropy on {bins} ratings over {low:g}..{high:g}"


def target_fields(targets: np.ndarray) -> Iterator[list[str]]:
    """The fields behind the path: enough digits to read back the same float32, counts as they are."""
    rows = targets if targets.ndim == 2 else targets[:, None]
    for row in rows.tolist():
        yield [f"{value:.9g}" for value in row]


def _need_ratings(table: RatingTable, task: str) -> None:
    if np.isnan(table.mos).any():
        raise ConfigError(
            f"{table.name}: nobody rated these images, so there is no --task {task}; use --task rank"
        )
