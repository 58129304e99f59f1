"""Coverage and width of intervals on scenes that did not make them, over many random splits by scene.

    python main.py -e --resume MODEL.pth --data DATA/val --logdir LOGS
    python benchmarks/interval_coverage.py LOGS/test_*/predictions.csv --scene '^(.*?)(::|$)'

Takes the predictions of `-e` (columns path, score, mos). --scene is a regular expression whose first group,
in the path, is the scene. Each split calibrates on most scenes and judges the others. The table has means of
the judged images over the splits: coverage of all and of the thirds of the score as the calibration cut them,
and width; by one width for all, and as `--calibrate` makes them. --fit brings scores to another scale of
labels by the least-squares line of a third of the calibrating scenes, which then calibrate nothing, as
training the head on them would.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from metrics.conformal import GROUPS, calibrate, reached
from rankiqa.intervals import COVERAGE, Intervals
from utils.delimited import read_table


class Rated(NamedTuple):
    """Images with scores, labels and numbers of scenes, (n,) each."""

    scores: np.ndarray
    labels: np.ndarray
    scenes: np.ndarray


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("predictions", type=Path, nargs="+", help="predictions.csv of -e")
    parser.add_argument("--scene", type=re.compile, required=True, help="regular expression with one group")
    parser.add_argument(
        "--fit", action="store_true", help="bring scores to the scale of the labels by a line"
    )
    parser.add_argument("--held_out", type=float, default=0.15, help="share of the scenes that is judged")
    parser.add_argument("--splits", type=int, default=200)
    parser.add_argument("--coverages", type=float, nargs="+", default=[0.8, COVERAGE, 0.95])
    args = parser.parse_args()
    rated = read(args.predictions, args.scene)
    print(f"{len(rated.labels)} images of {len(np.unique(rated.scenes))} scenes, {args.splits} splits")
    print("| nominal | made | reached | low, middle, high third | mean width |")
    print("| --- | --- | --- | --- | --- |")
    found = [judge(rated, one, args.coverages, args.fit) for one in splits(rated, args.held_out, args.splits)]
    means = np.nanmean(found, axis=0)
    for coverage, kinds in zip(args.coverages, means, strict=True):
        for name, (inside, *thirds, width) in zip(("one width for all", "--calibrate"), kinds, strict=True):
            shares = ", ".join(f"{100 * share:.1f}" for share in thirds)
            print(f"| {coverage:.0%} | {name} | {100 * inside:.1f}% | {shares}% | {width:.3f} |")


def read(files: list[Path], scene: re.Pattern[str]) -> Rated:
    """The rows of all files."""
    rows = [row for file in files for row in read_table(file, "path", "score", "mos").rows]
    found = [scene.search(row["path"]) for row in rows]
    names = np.unique([match[1] if match else "" for match in found], return_inverse=True)[1]
    scores, labels = (np.array([row.number(name) for row in rows]) for name in ("score", "mos"))
    return Rated(scores, labels, names)


def splits(rated: Rated, held_out: float, number: int) -> Iterator[np.ndarray]:
    """bool (n,) of each split: the images that are judged."""
    rng = np.random.default_rng(0)
    count = int(rated.scenes.max()) + 1
    for _ in range(number):
        yield np.isin(rated.scenes, rng.permutation(count)[: max(1, round(held_out * count))])


def judge(rated: Rated, judged: np.ndarray, coverages: list[float], fit: bool) -> np.ndarray:
    """float (coverages, 2, 5): for one width and as made: coverage of all, of the thirds, mean width."""
    scores, labels, calibrating = rated.scores, rated.labels, ~judged
    if fit:
        scenes = np.random.default_rng(len(scores)).permutation(np.unique(rated.scenes[~judged]))
        trained = np.isin(rated.scenes, scenes[: len(scenes) // 3])
        scores = np.polyval(np.polyfit(scores[trained], labels[trained], 1), scores)
        calibrating = ~judged & ~trained
    made = calibrate(
        {"score": scores[calibrating]}, labels[calibrating], rated.scenes[calibrating], max(coverages)
    )
    mine, groups = labels[judged], made.intervals.groups(scores[judged])

    def numbers(intervals: Intervals, coverage: float) -> list[float]:
        low, high = intervals.around({"score": scores[judged]}, coverage)
        everything = reached(low, high, mine)
        parts = [groups == group for group in range(GROUPS)]
        thirds = [reached(low[own], high[own], mine[own]).coverage if own.any() else np.nan for own in parts]
        return [everything.coverage, *thirds, everything.width]

    return np.array([[numbers(one, c) for one in (made.plain, made.intervals)] for c in coverages])


if __name__ == "__main__":
    main()
