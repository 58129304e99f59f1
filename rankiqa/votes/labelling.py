"""A session of labelling: who is asked which pairs, what they answered, and what that tells of the images."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rankiqa.votes.beliefs import Beliefs
from rankiqa.votes.choose import ANY_PAIR, Chooser
from rankiqa.votes.outlook import Outlook, outlook
from rankiqa.votes.scale import Scale, fit_scale
from rankiqa.votes.table import CHOSEN, MIRROR, RANDOM, REPEAT, SHARES, SKIP, UNDO, Vote
from rankiqa.votes.vote_log import VoteLog

AHEAD = 3  # pairs that a rater holds: the one that is shown, and two that the browser loads meanwhile
REPEATS = 0.05  # share of pairs that a rater gets again, half of them mirrored
APART = 10  # answers between a pair and its repetition, at least
AWAY = 900.0  # seconds without a word, after which the pairs that a rater holds may be asked of others
PRIOR_STD = 1.0  # of a score beside what the model's score says of it, in units of the probit link
SLOPE = 0.7  # units per standard deviation of the model's scores, until the answers say otherwise
SLOPE_STEP = 0.2  # of one fit


class Shown(NamedTuple):
    """A pair as a rater sees it: numbers of the images, and why it is asked."""

    left: int
    right: int
    purpose: str

    @property
    def pair(self) -> tuple[int, int]:
        """Lower number first, whatever the sides."""
        return min(self.left, self.right), max(self.left, self.right)


@dataclass(frozen=True, eq=False)
class Answered:
    """An answer that stands."""

    shown: Shown
    answer: str


class Rater:
    """What one rater has answered, and holds.

    Attributes:
        answered: in order; with what was skipped.
        holding: pairs that the rater's browser has, the one in front first.
        heard: when, by the monotonic clock.
        fixed: answers that can't be taken back: later ones in the file are on images that are gone.
    """

    def __init__(self) -> None:
        self.answered: list[Answered] = []
        self.holding: list[Shown] = []
        self.heard = time.monotonic()
        self.fixed = 0


class Labelling:
    """The session. Several threads may call it at once.

    Args:
        names: of the images, as votes.csv spells them.
        log: takes the answers; those that are in it count.
        chooser: of the pairs.
        seed: of all choices; None: another one each time.
    """

    def __init__(
        self, names: Sequence[str], log: VoteLog, chooser: Chooser = ANY_PAIR, seed: int | None = None
    ) -> None:
        self.names, self.chooser = list(names), chooser
        self.outlook: Outlook | None = None
        self.raters: dict[str, Rater] = {}
        self._log = log
        self._rng = np.random.default_rng(seed)
        self._lock = threading.RLock()
        self._usable = np.ones(len(names), dtype=bool)
        self._slope, self._prior = SLOPE, np.zeros(len(names))
        self._beliefs = Beliefs.before(self._prior, PRIOR_STD)
        self._kept: list[Answered] = []  # of all raters, in order
        self._undone = 0
        numbers = {name: number for number, name in enumerate(names)}
        self.unknown = self._take_over(log.votes, numbers)
        self.refit()

    def _take_over(self, votes: list[Vote], numbers: dict[str, int]) -> int:
        unknown = 0
        for vote in votes:
            if vote.left in numbers and vote.right in numbers:
                shown = Shown(numbers[vote.left], numbers[vote.right], vote.purpose)
                self._keep(self.rater(vote.rater), Answered(shown, vote.answer))
            else:
                rater = self.rater(vote.rater)
                rater.fixed = len(rater.answered)
                unknown += 1
        return unknown

    def _keep(self, rater: Rater, one: Answered) -> None:
        rater.answered.append(one)
        self._kept.append(one)

    def rater(self, name: str) -> Rater:
        """The rater of a name, a new one where there is none yet."""
        with self._lock:
            return self.raters.setdefault(name, Rater())

    @property
    def count(self) -> int:
        """Answers that stand, of all raters."""
        return len(self._kept)

    @property
    def images(self) -> np.ndarray:
        """Numbers of the images that can be shown."""
        return np.flatnonzero(self._usable)

    def leave_out(self, image: int) -> None:
        """An image can't be read: it is not shown any more."""
        with self._lock:
            self._usable[image] = False

    def upcoming(self, name: str, holding: Sequence[Shown]) -> list[Shown]:
        """The pairs that the rater holds from here on: those of `holding`, and new ones up to AHEAD.

        Fewer where there are not enough images.
        """
        with self._lock:
            rater = self.rater(name)
            rater.heard = time.monotonic()
            rater.holding = [one for one in holding if self._usable[[one.left, one.right]].all()][:AHEAD]
            while len(rater.holding) < AHEAD and (shown := self._next(rater)) is not None:
                rater.holding.append(shown)
            return list(rater.holding)

    def _next(self, rater: Rater) -> Shown | None:
        if len(self.images) < 2:
            return None
        if self._rng.random() < REPEATS and (again := self._repetition(rater)) is not None:
            return again
        here = [other for other in self.raters.values() if rater.heard - other.heard < AWAY]
        pending = [one.pair for other in here for one in other.holding]
        asked = {one.shown.pair for one in rater.answered}
        # When all pairs are asked, they are asked again.
        for taken in (asked.union(pending), set(pending)):
            found = self.chooser.next(self._beliefs, self.images, taken, pending, self._rng)
            if found is not None:
                pair, at_random = found
                left, right = pair if self._rng.random() < 0.5 else pair[::-1]
                return Shown(left, right, RANDOM if at_random else CHOSEN)
        return None

    def _repetition(self, rater: Rater) -> Shown | None:
        """A pair that the rater has judged some time ago, and once."""
        seen = Counter([*(one.shown.pair for one in rater.answered), *(one.pair for one in rater.holding)])
        again = [
            one.shown
            for one in rater.answered[:-APART]
            if one.answer != SKIP and seen[one.shown.pair] == 1 and self._usable[[*one.shown.pair]].all()
        ]
        if not again:
            return None
        shown = again[self._rng.integers(len(again))]
        if self._rng.random() < 0.5:
            return Shown(shown.left, shown.right, REPEAT)
        return Shown(shown.right, shown.left, MIRROR)

    def answer(self, name: str, shown: Shown, answer: str, seconds: float, before: int) -> None:
        """Keep an answer: it is on the disk when this returns.

        Args:
            name: of the rater.
            shown: what was answered.
            answer: left, right, tie or skip.
            seconds: from showing to answer.
            before: how many answers of this rater stood before it, by the rater's browser. One that hears
                nothing, as the server was killed, sends it again: the answer is then kept once.

        Raises:
            OSError: it can't be written.
        """
        with self._lock:
            rater = self.rater(name)
            if len(rater.answered) == before + 1 and rater.answered[-1].shown == shown:
                return
            left, right = self.names[shown.left], self.names[shown.right]
            self._log.append(name, left, right, answer, seconds, shown.purpose)
            self._keep(rater, Answered(shown, answer))
            rater.holding = [one for one in rater.holding if one != shown]
            if answer in SHARES:
                self._beliefs.learn(shown.left, shown.right, SHARES[answer])

    def undo(self, name: str, seconds: float, before: int) -> Shown | None:
        """Take the rater's latest answer back; the pair is to be shown again.

        Args:
            name, seconds, before: as of `answer`.

        Returns:
            The pair; None where nothing is to be undone, or the same wish was heard already.

        Raises:
            OSError: it can't be written.
        """
        with self._lock:
            rater = self.rater(name)
            if not rater.fixed < len(rater.answered) >= before:
                return None
            latest = rater.answered[-1]
            shown = latest.shown
            left, right = self.names[shown.left], self.names[shown.right]
            self._log.append(name, left, right, UNDO, seconds, shown.purpose)
            rater.answered.pop()
            self._kept.remove(latest)
            self._undone += 1
            return shown

    def set_prior(self, scores: np.ndarray) -> None:
        """Take the model's scores (n,), NaN where there is none, for what is expected before any answer."""
        known = np.isfinite(scores)
        deviation = float(scores[known].std()) if known.any() else 0.0
        if deviation:
            standard = np.zeros(len(scores))
            standard[known] = (scores[known] - scores[known].mean()) / deviation
            with self._lock:
                self._prior = standard

    @property
    def scores(self) -> np.ndarray:
        """(n,) what the answers, and the model, say of the images so far; higher = better."""
        with self._lock:
            return self._beliefs.mean.copy()

    def refit(self) -> None:
        """Fit the scale to all answers. Slow; meant for a thread of its own."""
        while not self._refitted():
            continue

    def look_ahead(self) -> None:
        """Find out how settled the order is: `outlook`. Slow, too."""
        with self._lock:
            beliefs, images = self._beliefs.copy(), self.images
            asked = {one.shown.pair for one in self._kept}
        if len(images) > 2:
            self.outlook = outlook(beliefs, images, asked, np.random.default_rng(0), self.chooser)

    def _refitted(self) -> bool:
        """Whether the fit stands: where an answer was undone meanwhile it does not."""
        with self._lock:
            kept, undone = list(self._kept), self._undone
            slope, prior, start = self._slope, self._prior, self._beliefs.mean
        fits = {at: _fit(kept, at * prior, start) for at in _slopes_near(slope, prior, kept)}
        best = max(fits, key=lambda at: fits[at].log_evidence)
        beliefs = Beliefs.of(fits[best])
        with self._lock:
            if undone != self._undone:
                return False
            for one in self._kept[len(kept) :]:
                if one.answer in SHARES:
                    beliefs.learn(one.shown.left, one.shown.right, SHARES[one.answer])
            self._slope, self._beliefs = best, beliefs
        return True


def _slopes_near(slope: float, prior: np.ndarray, kept: list[Answered]) -> list[float]:
    """Those among which the answers decide, by their evidence (empirical Bayes), a step at each fit."""
    if not kept or not prior.any():
        return [slope]
    return [slope, max(0.0, slope - SLOPE_STEP), slope + SLOPE_STEP]


def _fit(kept: list[Answered], prior_mean: np.ndarray, start: np.ndarray) -> Scale:
    told = [one for one in kept if one.answer in SHARES]
    return fit_scale(
        len(prior_mean),
        np.array([one.shown.left for one in told], dtype=np.int64),
        np.array([one.shown.right for one in told], dtype=np.int64),
        np.array([SHARES[one.answer] for one in told]),
        prior_mean=prior_mean,
        prior_std=PRIOR_STD,
        start=start,
    )
