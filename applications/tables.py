"""Tables for the terminal."""

import math

from metrics.bootstrap import Interval
from metrics.pair_accuracy import PairAccuracy
from metrics.significance import Verdict
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


def comparison_table(
    first: dict[str, float],
    second: dict[str, float],
    differences: dict[str, Interval],
    verdicts: dict[str, Verdict],
) -> str:
    """A line a figure: A, B, 95% interval of A - B, p value where there is a test."""
    lines = [f"{'figure':<24} {'better':<7} {'A':>9} {'B':>9}   {'95% interval of A - B':<24} p value"]
    for name, (low, high) in differences.items():
        metric = METRICS[name]
        direction = "higher" if metric.higher_is_better else "lower"
        span = f"{low:+.4f} .. {high:+.4f}" if math.isfinite(low) and math.isfinite(high) else "undefined"
        p = verdicts[name].p_value if name in verdicts else math.nan
        said = f"{p:.4f}" if math.isfinite(p) else ""
        values = f"{_number(first[name]):>9} {_number(second[name]):>9}"
        lines.append(f"{metric.label:<24} {direction:<7} {values}   {span:<24} {said}".rstrip())
    return "\n".join(lines)


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "undefined"
    return str(value) if isinstance(value, int) else f"{value:.4f}"
