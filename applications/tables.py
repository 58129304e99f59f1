"""Tables for the terminal."""

import math

from metrics.bootstrap import Interval
from metrics.pair_accuracy import PairAccuracy
from metrics.task import METRICS


def figure_table(figures: dict[str, float], intervals: dict[str, Interval]) -> str:
    """A line a figure: name, direction, value, 95% interval."""
    lines = [f"{'figure':<28} {'better':<7} {'value':>9}   95% interval"]
    for name, value in figures.items():
        metric = METRICS[name]
        interval = intervals.get(name, (math.nan, math.nan))
        span = (
            f"{_number(interval[0])} .. {_number(interval[1])}" if all(map(math.isfinite, interval)) else ""
        )
        direction = "higher" if metric.higher_is_better else "lower"
        lines.append(f"{metric.label:<28} {direction:<7} {_number(value):>9}   {span}".rstrip())
    return "\n".join(lines)


def group_table(groups: dict[tuple[str, int], PairAccuracy]) -> str:
    """Pair accuracy by type (a line each) and level of the worse image (a column each)."""
    kinds = sorted({kind for kind, _ in groups})
    levels = sorted({level for _, level in groups})
    head = "pair accuracy by type and level of the worse picture"
    lines = [
        head,
        f"{'type':<14}" + "".join(f"{f'level {level}':>9}" for level in levels) + f"{'all':>9}{'pairs':>8}",
    ]
    for kind in kinds:
        own = [groups.get((kind, level), PairAccuracy(0, 0, 0)) for level in levels]
        right, pairs = sum(part.right for part in own), sum(part.pairs for part in own)
        cells = "".join(f"{part.accuracy:>9.3f}" for part in own)
        lines.append(f"{kind:<14}{cells}{right / pairs:>9.3f}{pairs:>8}")
    return "\n".join(lines)


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "undefined"
    return str(value) if isinstance(value, int) else f"{value:.4f}"
