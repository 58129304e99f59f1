"""How reliable the raters of pairs are, and who clicks at random.

A rater is tested against the scale of all others. What an honest rater would answer, who is as sensitive as
they are together and has some taste of his own, is drawn many times; who agrees less with the others than all
but a share `error_rate` of the draws is left out. So at most that share of such honest raters is left out;
the more votes, the surer one who clicks at random is found.
"""

import math
from dataclasses import dataclass

import numpy as np

from data_tools.votes.ballots import Ballots, Opinions, to_opinions
from data_tools.votes.scaling import fit_spread
from rankiqa.votes.links import Link, preference
from rankiqa.votes.scale import Scale, fit_scale

TASTE = 0.3  # standard deviation of an honest rater's own taste, in units of the scale
DRAWS = 2000  # of his votes, at least, and as many that 20 of them fall below the error rate
MOST_DRAWS = 50_000
OWN_SPREADS = (0.5, 1.0, 2.0)  # of the scale of a rater who shares nothing with the others
OWN_TASTE = 20.0  # likelihood ratio for a scale of his own, against coins, that keeps a rater
COARSE = np.geomspace(0.125, 4, 6)  # spreads that are tried for the scale of the others


@dataclass(frozen=True)
class Rater:
    """What is known of a rater.

    Attributes:
        name: "" for votes without one.
        votes: answers but skips.
        ties: of these.
        skips: further answers.
        repeats: votes on a pair that he had judged before, as it was.
        repeated_alike: of these, agreeing with the first time; a tie against a decision is half.
        mirrors: the same with sides exchanged.
        mirrored_alike: of these, agreeing.
        agreement: share of his decisions that the scale of the others has in the same order; NaN where there
            are no others.
        gain: mean of log2(2 P) over his decisions, P their probability by the scale of the others: bits that
            the scale foretells of a decision, 0 for one who clicks at random, 1 at most; NaN without others.
        honest_p: share of the draws of an honest rater that agree as little with the others as he does; NaN
            without others.
        own_odds: log10 of how much better a scale of his own explains his decisions than coins.
        left_share: share of his decisions that are for the left image.
        left_p: p-value of the exact two-sided binomial test of that share against one half.
        seconds: median time of an answer, NaN where unknown.
        reason: why his votes are left out, "" where they count.
    """

    name: str
    votes: int
    ties: int
    skips: int
    repeats: int
    repeated_alike: float
    mirrors: int
    mirrored_alike: float
    agreement: float
    gain: float
    honest_p: float
    own_odds: float
    left_share: float
    left_p: float
    seconds: float
    reason: str = ""


@dataclass(frozen=True)
class _Trial:
    """Outcome of the test of a rater.

    Attributes:
        agreement, gain, honest_p: as of `Rater`.
        distance: of his gain from the honest rater's mean, in standard deviations.
        own: log of the likelihood ratio of a scale of his own against coins.
    """

    own: float
    agreement: float = math.nan
    gain: float = math.nan
    honest_p: float = math.nan
    distance: float = 0.0

    def fails(self, error_rate: float) -> bool:
        """Whether his votes are left out."""
        if math.isnan(self.honest_p):
            return self.own <= math.log(error_rate)
        return self.honest_p <= error_rate and self.own < math.log(OWN_TASTE)

    @property
    def reason(self) -> str:
        """Why they are."""
        if math.isnan(self.honest_p):
            odds = -self.own / math.log(10)
            return f"answers as if at random: coins explain the votes 10^{odds:.1f} times as well as a scale"
        said = f"{100 * self.agreement:.0f}% of the decisions agree with the scale of the others"
        how = "answers against the others" if self.agreement < 0.4 else "answers as if at random"
        return f"{how}: {said}, as few as of {100 * self.honest_p:.2g}% of honest raters"


def judge_raters(ballots: Ballots, link: Link, error_rate: float, always: frozenset[str]) -> list[Rater]:
    """All raters, with the reason where one is left out.

    The one farthest from honest is left out first, and the others are tested anew without him.

    Args:
        ballots: the votes.
        link: of the scales.
        error_rate: of leaving out an honest rater.
        always: names that count whatever the test says.
    """
    opinions = to_opinions(ballots)
    kept = sorted({*ballots.rater.tolist()})
    trials: dict[int, _Trial] = {}
    reasons: dict[int, str] = {}
    while kept:
        trials |= {rater: _try(ballots, opinions, rater, kept, link, error_rate) for rater in kept}
        failing = [r for r in kept if ballots.raters[r] not in always and trials[r].fails(error_rate)]
        if not failing:
            break
        worst = min(failing, key=lambda rater: trials[rater].distance)
        kept.remove(worst)
        reasons[worst] = trials[worst].reason
    return [
        _describe(ballots, rater, trials.get(rater), reasons.get(rater, ""))
        for rater in range(len(ballots.raters))
    ]


def _try(
    ballots: Ballots, opinions: Opinions, rater: int, kept: list[int], link: Link, error_rate: float
) -> _Trial:
    votes = ballots.of_raters([rater])
    decided = votes.wins != 0.5
    left, right, wins = votes.left[decided], votes.right[decided], votes.wins[decided] == 1
    seen, places = np.unique(np.concatenate([left, right]), return_inverse=True)
    first, second = places[: len(left)], places[len(left) :]
    own = _own_odds(len(seen), first, second, wins, link)
    others = np.isin(opinions.rater, [other for other in kept if other != rater])
    if not others.any() or not len(wins):
        return _Trial(own)
    scale = _scale_of(opinions, others, len(ballots.images), link)
    mean, covariance = scale.mean[seen], scale.covariance[np.ix_(seen, seen)]
    ahead, variance = scale.difference(seen[first], seen[second])
    # the mean of the link over the posterior: exact for probit, for logistic as approximated by MacKay (1992)
    shrink = np.sqrt(1 + variance * (1.0 if link == "probit" else math.pi / 8))
    gains = np.log2(2 * np.stack([preference(-ahead / shrink, link), preference(ahead / shrink, link)]))
    gain = float(np.where(wins, gains[1], gains[0]).mean())
    draws = _honest_draws(mean, covariance, first, second, link, error_rate)
    drawn = np.where(draws, gains[1], gains[0]).mean(axis=1)
    known = ahead != 0  # not between images that none of the others saw
    agree = (ahead > 0)[known] == wins[known]
    return _Trial(
        own,
        agreement=float(agree.mean()) if known.any() else math.nan,
        gain=gain,
        honest_p=float((1 + (drawn <= gain).sum()) / (1 + len(drawn))),
        distance=float((gain - drawn.mean()) / max(drawn.std(), 1e-12)),
    )


def _own_odds(count: int, first: np.ndarray, second: np.ndarray, wins: np.ndarray, link: Link) -> float:
    """Log of how much better a scale, of this rater alone, explains his decisions than coins do."""
    logs = [fit_scale(count, first, second, wins, None, link, None, s).log_evidence for s in OWN_SPREADS]
    return float(np.logaddexp.reduce(logs) - np.log(len(logs)) - len(wins) * np.log(0.5))


def _honest_draws(
    mean: np.ndarray,
    covariance: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    link: Link,
    error_rate: float,
) -> np.ndarray:
    """(D, V) whether an honest rater prefers the first image: his scores are drawn, then his impressions."""
    rng = np.random.default_rng(0)  # the same votes give the same verdict
    draws = min(max(DRAWS, math.ceil(20 / error_rate)), MOST_DRAWS)
    root = np.linalg.cholesky(covariance + TASTE**2 * np.eye(len(mean)))
    scores = mean + rng.standard_normal((draws, len(mean))) @ root.T
    shape = (draws, len(first))
    noise = rng.standard_normal(shape) if link == "probit" else rng.logistic(size=shape)
    return scores[:, first] - scores[:, second] + noise > 0


def _scale_of(opinions: Opinions, chosen: np.ndarray, count: int, link: Link) -> Scale:
    columns = (opinions.first, opinions.second, opinions.share, opinions.rater)
    return fit_spread(count, Opinions(*(column[chosen] for column in columns)), link, COARSE)[0]


def _describe(ballots: Ballots, rater: int, trial: _Trial | None, reason: str) -> Rater:
    from scipy.stats import binomtest

    own = ballots.of_raters([rater])
    decided = own.wins != 0.5
    lefts = int((own.wins == 1).sum())
    count = int(decided.sum())
    (repeats, repeated), (mirrors, mirrored) = _consistency(own)
    times = own.seconds[np.isfinite(own.seconds)]
    nan = math.nan
    return Rater(
        name=ballots.raters[rater],
        votes=len(own),
        ties=len(own) - count,
        skips=int(ballots.skips[rater]),
        repeats=repeats,
        repeated_alike=repeated,
        mirrors=mirrors,
        mirrored_alike=mirrored,
        agreement=nan if trial is None else trial.agreement,
        gain=nan if trial is None else trial.gain,
        honest_p=nan if trial is None else trial.honest_p,
        own_odds=nan if trial is None else trial.own / math.log(10),
        left_share=lefts / count if count else nan,
        left_p=float(binomtest(lefts, count).pvalue) if count else nan,
        seconds=float(np.median(times)) if len(times) else nan,
        reason=reason,
    )


def _consistency(own: Ballots) -> tuple[tuple[int, float], tuple[int, float]]:
    """(votes on a pair seen before, of which agree) as it was shown first, and with sides exchanged."""
    counts, alike = [0, 0], [0.0, 0.0]
    earlier: dict[tuple[int, int], tuple[int, float]] = {}
    for left, right, wins in zip(own.left.tolist(), own.right.tolist(), own.wins.tolist(), strict=True):
        pair = (min(left, right), max(left, right))
        if pair not in earlier:
            earlier[pair] = (left, wins)
            continue
        first_left, first_wins = earlier[pair]
        mirrored = int(left != first_left)
        counts[mirrored] += 1
        alike[mirrored] += 1 - abs(first_wins - (1 - wins if mirrored else wins))
    return (counts[0], alike[0]), (counts[1], alike[1])
