"""Tables for the terminal."""

import math
from collections.abc import Sequence

from applications.evaluation.groups import spread
from metrics.bootstrap import Interval
from metrics.pair_accuracy import PairAccuracy
from metrics.significance import Verdict
from metrics.task import METRICS


def metric_table(metrics: dict[str, float], intervals: dict[str, Interval]) -> str:
    """A line per metric: name, direction, value, 95% interval."""
    lines = [f"{'metric':<28} {'better':<7} {'value':>9}   95% interval"]
    for name, value in metrics.items():
        metric = METRICS[name]
        interval = intervals.get(name, (math.nan, math.nan))
        span = (
            f"{_number(interval[0])} .. {_number(interval[1])}" if all(map(math.isfinite, interval)) else ""
        )
        direction = "higher" if metric.higher_is_better else "lower"
        lines.append(f"{metric.label:<28} {direction:<7} {_number(value):>9}   {span}".rstrip())
    return "\n".join(lines)


def group_table(groups: dict[tuple[str, int], PairAccuracy]) -> str:
    """Pair accuracy: a line per distortion type, a column per level of the worse image."""
    types = sorted({name for name, _ in groups})
    levels = sorted({level for _, level in groups})
    head = "pair accuracy by type and level of the worse image"
    lines = [
        head,
        f"{'type':<14}" + "".join(f"{f'level {level}':>9}" for level in levels) + f"{'all':>9}{'pairs':>8}",
    ]
    for name in types:
        own = [groups.get((name, level), PairAccuracy(0, 0, 0)) for level in levels]
        right, pairs = sum(part.right for part in own), sum(part.pairs for part in own)
        cells = "".join(f"{part.accuracy:>9.3f}" for part in own)
        lines.append(f"{name:<14}{cells}{right / pairs:>9.3f}{pairs:>8}")
    return "\n".join(lines)


def kind_table(kinds: dict[str, PairAccuracy], overall: PairAccuracy) -> str:
    """A line per kind of pairs, then one of all: counts, share of right ones, its exact 95% interval."""
    named = [*kinds.items(), ("all", overall)]
    width = max(12, *(len(name) + 1 for name, _ in named))
    lines = [f"{'kind':<{width}}{'pairs':>6}{'right':>7}{'ties':>6}{'share':>11}   95% interval (exact)"]
    for name, part in named:
        span = " .. ".join(map(_number, part.interval())) if part.pairs else ""
        cells = f"{part.pairs:>6}{part.right:>7}{part.ties:>6}{_number(part.accuracy):>11}"
        lines.append(f"{name:<{width}}{cells}   {span}".rstrip())
    return "\n".join(lines)


def fold_table(metrics: list[dict[str, float | None]], summary: dict[str, dict[str, float]]) -> str:
    """A line per metric: its value in each fold, mean, deviation (of one fold, n - 1)."""
    heads = "".join(f"{f'fold {number + 1}':>10}" for number in range(len(metrics)))
    lines = [f"{'metric':<28} {'better':<7}{heads}{'mean':>10}{'deviation':>11}"]
    for name, values in summary.items():
        metric = METRICS[name]
        cells = "".join(f"{_number(_known(fold.get(name))):>10}" for fold in metrics)
        direction = "higher" if metric.higher_is_better else "lower"
        ends = f"{_number(values['mean']):>10}{_number(_known(values['deviation'])):>11}"
        lines.append(f"{metric.label:<28} {direction:<7}{cells}{ends}")
    return "\n".join(lines)


def _known(value: float | None) -> float:
    return math.nan if value is None else value


LONGEST = 30  # lines of a table on the terminal


def named_group_table(title: str, groups: dict[str, dict[str, float]]) -> str:
    """A line per group, the worst first, and their mean and deviation; at most LONGEST lines of groups."""
    names = [name for name in next(iter(groups.values())) if name != "rows"]
    lead = names[0]
    order = sorted(groups, key=lambda name: _last_if_undefined(groups[name][lead]))
    width = max(12, *(len(name) + 1 for name in order[:LONGEST]))
    head = "".join(f"{METRICS[name].label:>15}" for name in names)
    lines = [f"by {title}, the lowest {METRICS[lead].label} first", f"{title:<{width}}{'rows':>6}{head}"]
    for name in order[:LONGEST]:
        cells = "".join(f"{_number(groups[name][metric]):>15}" for metric in names)
        lines.append(f"{name:<{width}}{groups[name]['rows']:>6}{cells}")
    if len(order) > LONGEST:
        lines.append(f"... {len(order) - LONGEST} more in metrics.json")
    for metric, mean, deviation, count in spread(groups):
        lines.append(f"{METRICS[metric].label} over {count}: mean {mean:.4f}, deviation {_number(deviation)}")
    return "\n".join(lines)


def set_table(
    sets: Sequence[str],
    rows: Sequence[int],
    metrics: Sequence[dict[str, float]],
    means: dict[str, float],
    by_rows: dict[str, float],
) -> str:
    """A line per data set with its metrics, then their means and the means weighted by rows.

    What has no mean, as it is in units of a set's scale, stands in the lines of the sets alone.
    """
    names = [name for name in metrics[0] if all(name in one for one in metrics) and name != "loss"]
    width = max(21, *(len(name) + 1 for name in sets))
    columns = {name: max(10, len(METRICS[name].label) + 2) for name in names}
    head = "".join(f"{METRICS[name].label:>{columns[name]}}" for name in names)
    lines = [f"{'data set':<{width}}{'rows':>6}{head}"]
    ends = [("mean over sets", sum(rows), means), ("mean over rows", sum(rows), by_rows)]
    for title, count, values in [*zip(sets, rows, metrics, strict=True), *ends]:
        cells = "".join(
            f"{_number(values[name]) if name in values else '':>{columns[name]}}" for name in names
        )
        lines.append(f"{title:<{width}}{count:>6}{cells}".rstrip())
    return "\n".join(lines)


def _last_if_undefined(value: float) -> float:
    return value if math.isfinite(value) else math.inf


def comparison_table(
    first: dict[str, float],
    second: dict[str, float],
    differences: dict[str, Interval],
    verdicts: dict[str, Verdict],
) -> str:
    """A line per metric: A, B, 95% interval of A - B, p value where there is a test."""
    lines = [f"{'metric':<24} {'better':<7} {'A':>9} {'B':>9}   {'95% interval of A - B':<24} p value"]
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
