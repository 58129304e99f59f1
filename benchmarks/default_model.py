"""Default models beside each other: rated images, real pairs, and changes that nobody should mind.

    python benchmarks/default_model.py --rated DIR --photos DIR --models OLD.pth "NEW.pth --view fit"

DIR of --rated is that of benchmarks/rated_sets.py, with real_pairs/pairs.csv if it is there. The table has a
column a model: SRCC with 95% bootstrap intervals that draw scenes, shares with exact (Clopper-Pearson)
intervals. Photos must be sharp and clean, and none that a model has learned from. A model is a file, or in
quotes a file and flags of main.py. The spread of the scores, and which rows of `-e --behaviour` pass, are
those of that command; --most takes fewer photographs, --types fewer types, for a quick look.
"""

import argparse
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np

from applications.behaviour import GOAL, judge
from applications.pairs import counts, image_scores
from benchmarks.measure import Candidate
from benchmarks.rated_sets import RatedSet, rated_sets
from config import Config
from dataloader.real_pairs import load_pairs
from distortions import types_of
from metrics.behaviour import Behaviour
from metrics.bootstrap import Interval, bootstrap_intervals
from metrics.correlation import srcc
from metrics.pair_accuracy import PairAccuracy
from rankiqa.batch.folders import find_images
from rankiqa.batch.pipeline import score_paths
from rankiqa.machine import usable_cores
from rankiqa.scorer import Scorer
from utils.errors import ImageError

TITLES = {
    "live": "LIVE_sample, SRCC",
    "tui": "TUI_HEVC as it is, SRCC",
    "tui_512": "TUI_HEVC at 512 lines, SRCC",
    "mucped23": "mucped23 over all, SRCC",
}
WITHIN = "mucped23 within scenes, mean SRCC"
GREY = 0.3  # points that grey may cost
GOALS = (  # how the title begins: the goal
    ("LIVE_sample", ">= .95"),
    ("TUI_HEVC as it is", ">= .83"),
    ("TUI_HEVC at 512", ">= .85"),
    ("mucped23 over all", ">= .85"),
    ("mucped23 within", ">= .97"),
    ("real pairs", ">= .95"),
    ("grey against colour, mean", f"<= {GREY}"),
    ("size", ">= .95"),
)

Column = dict[str, str]


def main() -> None:
    """Print the two tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--rated", type=Path, required=True, help="holds LIVE_sample, TUI_HEVC, ...")
    parser.add_argument("--photos", type=Path, required=True, help="sharp and clean photographs")
    parser.add_argument("--models", "--model", nargs="+", type=Candidate, required=True, metavar="MODEL")
    parser.add_argument("--most", type=int, default=25, help="photographs that are taken, evenly spread")
    parser.add_argument("--types", type=types_of, default=types_of("all"), help="of the ladders")
    args = parser.parse_args()
    found = find_images(args.photos)
    photos = found[:: max(1, -(-len(found) // args.most))]
    columns, rows = [], []
    with tempfile.TemporaryDirectory() as folder:
        sets = rated_sets(args.rated, Path(folder))
        pairs = args.rated / "real_pairs/pairs.csv"
        for model in args.models:
            scorer, config = model.open(sum(len(one.paths) for one in sets))
            column = of_rated(sets, scorer, config)
            if pairs.is_file():
                column |= of_pairs(pairs, scorer, config)
            behaviour = judge(scorer, photos, usable_cores(), types=args.types)
            columns.append(column | of_photos(behaviour))
            rows.append(failing(behaviour))
    names = [model.words for model in args.models]
    print_table(names, columns, len(photos))
    print_failing(names, rows)


def of_rated(sets: Sequence[RatedSet], scorer: Scorer, config: Config) -> Column:
    """SRCC on each set."""
    column = {}
    for one in sets:
        scores = scores_of(one.paths, scorer, config)
        column[TITLES[one.name]] = _correlation(scores, one.mos, one.scenes)
        if one.name == "mucped23":
            column[WITHIN] = _within(scores, one)
    return column


def scores_of(paths: Sequence[Path], scorer: Scorer, config: Config) -> np.ndarray:
    """(R,) as `--predict` gives them."""
    threads = config.threads or usable_cores()
    groups = score_paths(map(str, paths), scorer, threads, config.full_decode, config.max_pixels)
    rows = [row for group in groups for row in group]
    bad = next((row for row in rows if row.error), None)
    if bad is not None:
        raise ImageError(f"{bad.path}: {bad.error}")
    return np.array([row.score for row in rows])


def _correlation(scores: np.ndarray, mos: np.ndarray, scenes: np.ndarray) -> str:
    def measure(scores: np.ndarray, mos: np.ndarray) -> dict[str, float]:
        return {"srcc": srcc(scores, mos)}

    span = bootstrap_intervals(measure, scores, mos, groups=scenes)["srcc"]
    return _with_span(measure(scores, mos)["srcc"], span)


def _within(scores: np.ndarray, rated: RatedSet) -> str:
    """The mean of the SRCC of each scene."""
    each = np.array(
        [
            srcc(scores[rated.scenes == scene], rated.mos[rated.scenes == scene])
            for scene in np.unique(rated.scenes)
        ]
    )
    span = bootstrap_intervals(lambda values: {"mean": float(values.mean())}, each)["mean"]
    return _with_span(float(each.mean()), span)


def of_pairs(file: Path, scorer: Scorer, config: Config) -> Column:
    """The share of right pairs of each kind, and of all."""
    pairs = load_pairs(file)
    kinds, overall = counts(pairs, image_scores(pairs, scorer, config)[pairs.images])
    return {f"real pairs, {kind}: right": _share(part) for kind, part in {**kinds, "all": overall}.items()}


def of_photos(behaviour: Behaviour) -> Column:
    """What grey and smaller copies do to the scores, and how many rows of the behaviour pass."""
    moved = np.abs(np.subtract(*np.array(behaviour.alike["grey"]).T))
    tables = behaviour.ordered_pairs(), behaviour.below_clean(), behaviour.within_tolerance()
    passed = [share >= GOAL for table in tables for share in table.values()]
    column = {
        "spread of the scores": f"{behaviour.spread():.2f}",
        "grey against colour, mean difference": f"{moved.mean():.3f}",
        "grey against colour, largest difference": f"{moved.max():.3f}",
        f"grey against colour, within {GREY} points": _share(
            PairAccuracy(int((moved <= GREY).sum()), 0, len(moved))
        ),
    }
    for name, share in behaviour.within_tolerance().items():
        if name.startswith("size"):
            count = len(behaviour.alike[name])
            part = PairAccuracy(round(share * count), 0, count)
            column[f"{name}, within a tenth of the spread"] = _share(part)
    return column | {"rows of -e --behaviour that pass": f"{sum(passed)} of {len(passed)}"}


def failing(behaviour: Behaviour) -> dict[str, float]:
    """Row of `-e --behaviour` -> its share, of those below the goal."""
    tables = behaviour.ordered_pairs(), behaviour.below_clean(), behaviour.within_tolerance()
    return {name: share for table in tables for name, share in table.items() if share < GOAL}


def _share(part: PairAccuracy) -> str:
    return f"{part.right} of {part.pairs}: {_with_span(part.accuracy, part.interval())}"


def _with_span(value: float, span: Interval) -> str:
    return f"{value:.3f} ({span[0]:.3f} to {span[1]:.3f})"


def print_table(names: Sequence[str], columns: Sequence[Column], photos: int) -> None:
    """A row a metric, with its goal, a column a model."""
    print(f"| {photos} photographs; 95% intervals | goal | {' | '.join(names)} |")
    print("| --- | --- |" + " --- |" * len(names))
    for title in columns[0]:
        goal = next((goal for start, goal in GOALS if title.startswith(start)), "")
        print(f"| {title} | {goal} | {' | '.join(column[title] for column in columns)} |")


def print_failing(names: Sequence[str], rows: Sequence[dict[str, float]]) -> None:
    """A row of `-e --behaviour` that fails for one of the models a line; empty cells pass."""
    print(f"\n| rows of -e --behaviour below {GOAL} | {' | '.join(names)} |\n| --- |" + " --- |" * len(names))
    for title in sorted(set().union(*rows)):
        cells = [f"{row[title]:.3f}" if title in row else "" for row in rows]
        print(f"| {title} | {' | '.join(cells)} |")


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    main()
