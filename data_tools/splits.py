"""Division of scenes among train, val and test."""

from collections.abc import Sequence

from public_datasets.table import SPLIT_NAMES
from rankiqa.votes.splits import place_of
from utils.errors import ConfigError


def split_scenes(names: Sequence[str], ratios: Sequence[float], seed: int) -> dict[str, list[str]]:
    """Names divided among train, val and test, each list sorted.

    The order is drawn by a hash of seed and name, the counts follow `ratios` by largest remainder. A split
    with a positive ratio gets at least one scene where there are three scenes or more.

    Raises:
        ConfigError: not three ratios, a negative one, or none that is positive.
    """
    require_shares(ratios)
    drawn = sorted(names, key=lambda name: place_of(name, seed))
    splits, start = {}, 0
    for split, count in zip(SPLIT_NAMES, _split_counts(len(names), ratios), strict=True):
        splits[split] = sorted(drawn[start : start + count])
        start += count
    return splits


def require_shares(ratios: Sequence[float]) -> None:
    """Raise ConfigError unless there are three shares, none negative and not all zero."""
    if len(ratios) != len(SPLIT_NAMES) or min(ratios) < 0 or not 0 < sum(ratios) < float("inf"):
        raise ConfigError(f"--split needs three shares for train, val and test, got {list(ratios)}")


def _split_counts(total: int, ratios: Sequence[float]) -> list[int]:
    exact = [total * ratio / sum(ratios) for ratio in ratios]
    counts = [int(share) for share in exact]
    # the earlier split wins a tie; rounding keeps 0.1 * 30 from being a hair off a whole number
    by_remainder = sorted(range(len(ratios)), key=lambda i: (-round(exact[i] - counts[i], 9), i))
    for i in by_remainder[: total - sum(counts)]:
        counts[i] += 1
    for i, ratio in enumerate(ratios):
        if total >= len(SPLIT_NAMES) and ratio > 0 and counts[i] == 0:
            counts[counts.index(max(counts))] -= 1
            counts[i] = 1
    return counts
