"""Clicks until the scale of `rankiqa label` agrees with the truth: chosen pairs against random ones.

    python benchmarks/active_pairs.py --rated DIR --out OUT

A simulated rater answers pairs of rated images: DIR holds LIVE_sample, TUI_HEVC and mucped23, as for
rated_sets.py. The rater's impression of a difference is that of the published opinions plus noise:

- live: normal, of the standard deviation of one person's difference of two ratings. The table gives standard
  errors of means; LIVE release 2 has some 23 ratings an image.
- tui_512: normal, of the standard deviation of its raters (column std), for two images.
- mucped23: logistic with 400 / ln 10, for which Elo is defined: what its raters did when they compared pairs.

Besides, 2% of the answers are arbitrary, one side is preferred by a tenth of the noise (another one for
each seed), and what seems equal within an eighth of it is a tie. The session is that of the page: pairs held
ahead, repetitions, fits. "prior" has the scores of the default model as what is expected before the first
answer; OUT keeps them. Clicks are counted until SRCC with the truth is .90, looked at after every fifth.
"""

import argparse
import csv
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np

import rankiqa
from benchmarks.rated_sets import RatedSet, rated_sets, rows_of
from metrics.correlation import srcc
from rankiqa.files import atomic_write
from rankiqa.votes.beliefs import expected_shrinkage
from rankiqa.votes.choose import Chooser
from rankiqa.votes.labelling import Labelling
from rankiqa.votes.table import LEFT, RIGHT, TIE

WANTED = 0.90
MOST = 6000  # clicks
EVERY, REFIT = 5, 50  # clicks between two looks at the scale, between two fits
LAPSES, BIAS, EQUAL = 0.02, 0.1, 0.12
RATERS_OF_LIVE = 23
DRAWS = 10_000  # of the bootstrap
ARMS = {  # name: pairs at random, with the model's scores
    "random": (True, False),
    "chosen": (False, False),
    "random, prior": (True, True),
    "chosen, prior": (False, True),
}


def main() -> None:
    args = _options()
    for rated in rated_sets(args.rated, args.out):
        if rated.name not in args.sets:
            continue
        model, noise = model_scores(rated, args.out), noise_of(rated.name, args.rated)
        told = told_at_random(rated.mos, noise)
        print(f"\n{rated.name}: {len(rated.mos)} images, SRCC of the model {srcc(model, rated.mos):.2f};")
        print(f"an answer on a random pair tells {told:.0%} of what one on two equal images does\n")
        print("| pairs | median | mean [95%] | fewer than random [95%] | fewer than random, prior |")
        print("| --- | --- | --- | --- | --- |")
        clicks: dict[str, np.ndarray] = {}
        for name, (at_random, prior) in ARMS.items():
            expected = model if prior else None
            clicks[name] = np.array(
                [clicks_needed(rated.mos, noise, expected, at_random, seed) for seed in range(args.seeds)]
            )
            print(row(name, clicks), flush=True)


@dataclass
class NoLog:
    """Takes the answers of a session that nobody continues."""

    votes = ()

    def append(self, *row: object) -> None:
        """Nothing."""


def clicks_needed(
    mos: np.ndarray,
    noise: Callable[[np.random.Generator], float],
    model: np.ndarray | None,
    at_random: bool,
    seed: int,
) -> int:
    """Clicks of one simulated session; MOST where that is not enough."""
    rng = np.random.default_rng([seed, 1])
    unit = unit_of(noise, rng, 2000)
    bias = BIAS * unit * rng.standard_normal()
    names = [str(number) for number in range(len(mos))]
    session = Labelling(names, NoLog(), Chooser(at_random), seed)  # type: ignore[arg-type]
    if model is not None:
        session.set_prior(model)
        session.refit()
        if srcc(session.scores, mos) >= WANTED:
            return 0
    holding = session.upcoming("a", [])
    for click in range(1, MOST + 1):
        shown, *rest = holding
        felt = mos[shown.left] - mos[shown.right] + bias + noise(rng)
        if rng.random() < LAPSES:
            felt = unit * rng.standard_normal()
        answer = TIE if abs(felt) < EQUAL * unit else LEFT if felt > 0 else RIGHT
        session.answer("a", shown, answer, 1.0, click - 1)
        holding = session.upcoming("a", rest)
        if click % REFIT == 0:
            session.refit()
        if click % EVERY == 0 and srcc(session.scores, mos) >= WANTED:
            return click
    return MOST


def unit_of(
    noise: Callable[[np.random.Generator], float], rng: np.random.Generator, draws: int = 20_000
) -> float:
    """Standard deviation of the noise."""
    return float(np.std([noise(rng) for _ in range(draws)]))


def told_at_random(mos: np.ndarray, noise: Callable[[np.random.Generator], float]) -> float:
    """Fisher information of an answer about a difference: mean of all pairs, as share of its maximum."""
    first, second = np.triu_indices(len(mos), 1)
    apart = (mos[first] - mos[second]) / unit_of(noise, np.random.default_rng(0))
    told = expected_shrinkage(np.append(apart, 0.0), np.zeros(len(apart) + 1))
    return float(told[:-1].mean() / told[-1])


def noise_of(name: str, rated: Path) -> Callable[[np.random.Generator], float]:
    """Draws how far a rater's impression of a difference is from that of the opinions."""
    if name == "mucped23":
        return lambda rng: float(rng.logistic(scale=400 / np.log(10)))
    folder, column = ("LIVE_sample", "dmos_std") if name == "live" else ("TUI_HEVC", "std")
    squares = np.mean([row.number(column) ** 2 for row in rows_of(rated / folder)])
    single = np.sqrt(squares * (RATERS_OF_LIVE if name == "live" else 1))
    return lambda rng: float(rng.normal(scale=single * np.sqrt(2)))


def model_scores(rated: RatedSet, out: Path) -> np.ndarray:
    """(R,) of the default model, from a table in `out`, which is made if it is not there."""
    table = out / f"{rated.name}_scores.csv"
    if not table.is_file():
        scores = rankiqa.load().score(rated.paths).scores
        with atomic_write(table, "w") as file:
            csv.writer(file).writerows(zip(map(str, rated.paths), scores.tolist(), strict=True))
    with table.open(newline="", encoding="utf-8") as file:
        known = {Path(path).name: float(score) for path, score in csv.reader(file)}
    return np.array([known[path.name] for path in rated.paths])


def row(name: str, clicks: dict[str, np.ndarray]) -> str:
    """A row of the table."""
    own = clicks[name]
    places = np.random.default_rng(0).integers(len(own), size=(DRAWS, len(own)))
    low, high = np.percentile(own[places].mean(axis=1), [2.5, 97.5])
    cells = [name, f"{np.median(own):.0f}", f"{own.mean():.0f} [{low:.0f}, {high:.0f}]"]
    for other in ("random", "random, prior"):
        if other not in clicks or other == name or (other == "random, prior" and name != "chosen, prior"):
            cells.append("")
            continue
        fewer = 1 - own[places].mean(axis=1) / np.maximum(clicks[other][places].mean(axis=1), 1)
        mean = 1 - own.mean() / max(clicks[other].mean(), 1)
        low, high = np.percentile(fewer, [2.5, 97.5])
        cells.append(f"{mean:.0%} [{low:.0%}, {high:.0%}]")
    return f"| {' | '.join(cells)} |"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--rated", type=Path, required=True, help="holds LIVE_sample, TUI_HEVC and mucped23")
    add("--out", type=Path, required=True, help="folder of scaled copies and of the model's scores")
    add("--sets", nargs="+", choices=SETS, default=list(SETS))
    add("--seeds", type=int, default=20)
    return parser.parse_args()


SETS = ("live", "tui_512", "mucped23")


if __name__ == "__main__":
    main()
