"""Simulated raters of pairs: are random clickers found, honest ones kept, and do the intervals hold?

    python benchmarks/raters.py
    python benchmarks/raters.py --rated DIR

Each run draws the votes of five raters, one of whom clicks at random, and treats them as
`prepare_dataset.py votes` does. An honest rater has noise of his own size (standard deviation
exp(N(0, 0.25)) in units of the scale), a taste of his own for each image (0.2), prefers a side a little
(0.1), calls differences below 0.25 a tie and in 3% of the answers clicks anything; a tenth of his votes are
repeats, another tenth mirrored repeats. The truth that an interval should hold is the scale that infinitely
many such raters would give; coverage is the share of images, over all runs, whose interval holds it.

With --rated the true scores are those of LIVE_sample, TUI_HEVC and mucped23 in that folder, else normal ones
(60 images, standard deviation 1.3).
"""

import argparse
import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np

from data_tools.votes.ballots import to_ballots, to_opinions
from data_tools.votes.raters import judge_raters
from data_tools.votes.scaling import scale_images
from metrics.correlation import srcc
from rankiqa.terminal.argument_types import positive_int
from rankiqa.terminal.entry import program, program_parser
from rankiqa.votes.links import Link, normal_cdf
from rankiqa.votes.scale import fit_scale
from rankiqa.votes.table import LEFT, RIGHT, TIE, Vote
from utils.delimited import read_table

RATERS = 5
NOISE_SPREAD, TASTE, SIDE, TIE_WIDTH, LAPSES, AGAIN = 0.25, 0.2, 0.1, 0.25, 0.03, 0.1
LIVE_NOISE = 10.0  # standard deviation of one rating on LIVE's DMOS scale of 0 to 100


class Outcome(NamedTuple):
    """Of one run: whether the clicker was found, how many honest raters were left out, and the scale."""

    found: bool
    honest_out: int
    coverage: float
    correlation: float


@program()
def main(argv: list[str] | None = None) -> None:
    """Print a line per set of true scores and number of votes."""
    parser = program_parser(__doc__)
    parser.add_argument(
        "--rated", type=Path, metavar="DIR", help="folder with LIVE_sample, TUI_HEVC or mucped23"
    )
    parser.add_argument("--runs", type=positive_int, default=200, metavar="N", help="default: %(default)s")
    parser.add_argument("--votes", type=float, nargs="+", default=[2.0], metavar="V",
        help="votes per image and rater (default: 2)")  # fmt: skip
    parser.add_argument("--link", choices=("probit", "logistic"), default="probit")
    args = parser.parse_args(argv)
    if args.rated is None:
        sets = {"normal": normal_scores()}
    else:
        sets = {name: read(args.rated) for name, read in RATED.items() if (args.rated / name).is_dir()}
    print("| true scores | images | votes per rater | clickers found | honest left out | coverage | SRCC |")
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for (name, true), density in itertools.product(sets.items(), args.votes):
        print(line(name, true, density, args), flush=True)


def line(name: str, true: np.ndarray, density: float, args: argparse.Namespace) -> str:
    """A row of the table."""
    votes = round(density * len(true))
    truth = limit(true, args.link)
    outcomes = [run(true, truth, votes, seed, args.link) for seed in range(args.runs)]
    found, honest, coverage, correlation = np.mean(np.array(outcomes, dtype=float), axis=0)
    return (
        f"| {name} | {len(true)} | {votes} | {100 * found:.1f}% | {100 * honest / (RATERS - 1):.2f}% | "
        f"{100 * coverage:.1f}% | {correlation:.3f} |"
    )


def run(true: np.ndarray, truth: np.ndarray, votes: int, seed: int, link: Link) -> Outcome:
    """One run; rater 0 clicks at random."""
    rng = np.random.default_rng(seed)
    ballots = to_ballots([vote for rater in range(RATERS) for vote in answers(true, rater, votes, rng)])
    raters = judge_raters(ballots, link, 0.05, frozenset())
    kept = [number for number, rater in enumerate(raters) if not rater.reason]
    scaled = scale_images(len(ballots.images), to_opinions(ballots.of_raters(kept)), link)
    images = np.array([int(name) for name in ballots.images])
    main_part = scaled.component == 0
    wanted = truth[images[main_part]]
    wanted = wanted - wanted.mean()
    holds = (scaled.low[main_part] <= wanted) & (wanted <= scaled.high[main_part])
    return Outcome(
        bool(raters[0].reason),
        sum(bool(rater.reason) for rater in raters[1:]),
        float(holds.mean()),
        srcc(scaled.score[main_part], wanted),
    )


def answers(true: np.ndarray, rater: int, votes: int, rng: np.random.Generator) -> list[Vote]:
    """The votes of a rater; 0 clicks at random."""
    count = len(true)
    again = round(AGAIN * votes)
    fresh = votes - 2 * again
    left = rng.integers(count, size=fresh)
    right = (left + rng.integers(1, count, size=fresh)) % count
    repeats, mirrors = rng.integers(fresh, size=again), rng.integers(fresh, size=again)
    left, right = (
        np.concatenate([left, left[repeats], right[mirrors]]),
        np.concatenate([right, right[repeats], left[mirrors]]),
    )
    own = true + rng.normal(0, TASTE, count)
    noise = np.exp(rng.normal(0, NOISE_SPREAD)) * rng.standard_normal(votes)
    ahead = own[left] - own[right] + rng.normal(0, SIDE) + noise
    said = np.where(np.abs(ahead) < TIE_WIDTH, TIE, np.where(ahead > 0, LEFT, RIGHT))
    random = np.ones(votes, dtype=bool) if rater == 0 else rng.random(votes) < LAPSES
    said = np.where(random, rng.choice([LEFT, RIGHT], votes), said)
    return [
        Vote(f"{first:04}", f"{second:04}", str(answer), f"rater{rater}")
        for first, second, answer in zip(left.tolist(), right.tolist(), said, strict=True)
    ]


def limit(true: np.ndarray, link: Link) -> np.ndarray:
    """(n,) the scale of infinitely many votes of honest raters, each pair as often as any other."""
    first, second = np.triu_indices(len(true), 1)
    ahead = true[first] - true[second]
    nodes, weights = np.polynomial.hermite_e.hermegauss(9)  # over the sizes of the raters' noise
    share = np.zeros(len(ahead))
    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        spread = np.sqrt(np.exp(2 * NOISE_SPREAD * node) + 2 * TASTE**2 + SIDE**2)
        better = normal_cdf((ahead - TIE_WIDTH) / spread)
        not_worse = normal_cdf((ahead + TIE_WIDTH) / spread)
        share += weight * (better + not_worse) / 2
    share = (1 - LAPSES) * share + LAPSES / 2
    scale = fit_scale(len(true), first, second, share, np.full(len(share), 1e3), link, None, 50.0)
    return scale.mean


def normal_scores() -> np.ndarray:
    """60 scores drawn once, standard deviation 1.3."""
    return np.random.default_rng(0).normal(0, 1.3, 60)


def live(rated: Path) -> np.ndarray:
    """DMOS of LIVE_sample, inverted, in units of the noise of a difference of two ratings."""
    return -column(rated / "LIVE_sample", "dmos_realigned") / (2**0.5 * LIVE_NOISE)


def hevc(rated: Path) -> np.ndarray:
    """MOS of TUI_HEVC in units of the noise of a difference, from the deviations of its raters."""
    folder = rated / "TUI_HEVC"
    return column(folder, "mos") / (2**0.5 * column(folder, "std").mean())


def mucped(rated: Path) -> np.ndarray:
    """Elo of mucped23, whose 400 points are a factor of 10 in the odds, as probit (1.702 logits a unit)."""
    return column(rated / "mucped23", "mos") * np.log(10) / 400 / 1.702


RATED: dict[str, Callable[[Path], np.ndarray]] = {"LIVE_sample": live, "TUI_HEVC": hevc, "mucped23": mucped}


def column(folder: Path, name: str) -> np.ndarray:
    """A column of labels.csv."""
    return read_table(folder / "labels.csv", name).numbers(name)


if __name__ == "__main__":
    main()
