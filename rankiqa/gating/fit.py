"""Fit of a quality gate: thresholds from the scores of good examples, and what they do to bad ones."""

import logging
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rankiqa.batch.inputs import PathQueue, collect
from rankiqa.batch.pipeline import score_paths
from rankiqa.batch.results import Row
from rankiqa.decoding.limits import MAX_PIXELS
from rankiqa.errors import ConfigError, DataError
from rankiqa.gating.binomial import exact_interval, examples_needed, threshold_ranks
from rankiqa.gating.by_reason import examples_needed_by_reason, left_for_threshold, limits_by_reason
from rankiqa.gating.quality_gate import PASS, REJECT, UNSURE, VERDICTS, ModelId, QualityGate, Share
from rankiqa.machine import usable_cores
from rankiqa.reasons import in_words
from rankiqa.scorer import Scorer
from rankiqa.terminal.printable import one_line
from rankiqa.terminal.progress import progress_bar
from rankiqa.terminal.signals import StopSignals

_WORDS = {PASS: "passed", UNSURE: "unsure", REJECT: "rejected"}


@dataclass(frozen=True)
class FitRequest:
    """What a gate is fitted to.

    Attributes:
        good: files, folders, patterns or lists of good examples; see `rankiqa.batch.inputs.collect`.
        bad: of bad ones; None: none.
        keep_good, confidence: see `QualityGate`.
        max_pixels: larger images count as unreadable.
        threads: that decode and compute; None: all cores.
        by_reason: thresholds for each family of damage, too.
    """

    good: Sequence[str]
    bad: Sequence[str] | None = None
    keep_good: float = 0.99
    confidence: float = 0.95
    max_pixels: int = MAX_PIXELS
    threads: int | None = None
    by_reason: bool = False


class Examples(NamedTuple):
    """Scores float (n,), NaN where there is none, and strengths (n, K) of the families of damage."""

    scores: np.ndarray
    strengths: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[Row], families: int) -> "Examples":
        """Those of rows; without a score the strengths are zero."""
        scores = [math.nan if row.score is None else row.score for row in rows]
        strengths = [row.strengths or [0.0] * families for row in rows]
        return cls(np.array(scores), np.array(strengths).reshape(len(rows), families))


def fit_folders(request: FitRequest, scorer: Scorer, model: Path) -> QualityGate:
    """Score the examples and fit a gate to them.

    Raises:
        ConfigError: thresholds by reason of a model that tells none.
        DataError: too few good examples, or some that can't be read.
        KeyboardInterrupt: the user stopped it.
    """
    families = scorer.spec.reasons
    if request.by_reason and not families:
        raise ConfigError(
            f"--by_reason: {model} tells no reasons of damage; give a model with a second head by --model "
            "(docs/reasons.md), or leave the flag out"
        )
    with closing(collect(request.good)) as queue:
        require_enough(len(queue), request.keep_good, request.confidence, request.by_reason)
        good = list(score_queue(queue, scorer, request.max_pixels, request.threads, "good"))
    unread = [row for row in good if row.error]
    if unread:
        raise DataError(
            one_line(
                f"--good: {len(unread)} of {len(good)} images have no score, such as {unread[0].path} "
                f"({unread[0].error}); the gate would reject them, so take them out of the good examples"
            )
        )
    _warn_of_copies(good)
    bad: list[Row] = []
    if request.bad:
        with closing(collect(request.bad)) as queue:
            bad = list(score_queue(queue, scorer, request.max_pixels, request.threads, "bad"))
    identity, promise = ModelId.of(model, scorer.spec), (request.keep_good, request.confidence)
    good_ones, bad_ones = (Examples.of(rows, len(families)) for rows in (good, bad))
    if request.by_reason:
        return fit_by_reason(good_ones, families, identity, bad_ones if bad else None, *promise)
    return fit_scores(good_ones.scores, identity, bad_ones.scores if bad else None, *promise)


def fit_scores(
    good: np.ndarray,
    model: ModelId,
    bad: np.ndarray | None = None,
    keep_good: float = 0.99,
    confidence: float = 0.95,
) -> QualityGate:
    """A gate from scores alone.

    Args:
        good: finite float (n,), scores of independent good examples.
        model: that gave them.
        bad: float (m,), of bad examples; NaN: unreadable, which counts as rejected. They do not change the
            thresholds, so that their interval is as honest as the promise.
        keep_good: share of good images not to be rejected, in [0.5, 1).
        confidence: of the promise, in [0.5, 1).

    Raises:
        DataError: too few good examples; the message says how many are needed.
    """
    require_enough(len(good), keep_good, confidence)
    ranks = threshold_ranks(len(good), 1 - keep_good, confidence)
    assert ranks is not None
    ordered = np.sort(good)
    gate = QualityGate(
        keep_good,
        confidence,
        float(ordered[ranks.lower - 1]),
        float(ordered[ranks.upper - 1]),
        len(good),
        model,
    )
    if bad is None or not len(bad):
        return gate
    return _with_bad(gate, [gate.judge(float(score)).verdict for score in bad])


def fit_by_reason(
    good: Examples,
    families: tuple[str, ...],
    model: ModelId,
    bad: Examples | None = None,
    keep_good: float = 0.99,
    confidence: float = 0.95,
) -> QualityGate:
    """As `fit_scores`, with thresholds for the K `families`; the promise holds for all of them together.

    Raises:
        DataError: too few good examples; the message says how many are needed.
    """
    require_enough(len(good.scores), keep_good, confidence, by_reason=True)
    limits = limits_by_reason(good.scores, good.strengths, families, 1 - keep_good, confidence)
    gate = QualityGate(
        keep_good,
        confidence,
        limits.reject_below,
        limits.pass_from,
        len(good.scores),
        model,
        reasons=limits.reasons,
    )
    if bad is None or not len(bad.scores):
        return gate
    rows = list(zip(bad.scores.tolist(), bad.strengths.tolist(), strict=True))
    caught = Counter(family for score, found in rows if math.isfinite(score) for family in gate.above(found))
    counted = tuple(replace(limit, bad=caught[limit.family]) for limit in gate.reasons)
    verdicts = [gate.judge(score, strengths=found).verdict for score, found in rows]
    return _with_bad(replace(gate, reasons=counted), verdicts)


def _with_bad(gate: QualityGate, verdicts: Sequence[str]) -> QualityGate:
    """With the shares of the verdicts on the bad examples, at least one."""
    counts, total = Counter(verdicts), len(verdicts)
    shares = {
        verdict: Share(
            counts[verdict],
            counts[verdict] / total,
            *exact_interval(counts[verdict], total, gate.confidence),
        )
        for verdict in VERDICTS
    }
    return replace(gate, bad=total, bad_shares=shares)


def require_enough(count: int, keep_good: float, confidence: float, by_reason: bool = False) -> None:
    """Refuse a promise that so many good examples can't give.

    Raises:
        DataError: with the number that is needed, and what this number would allow.
    """
    needed = (examples_needed_by_reason if by_reason else examples_needed)(1 - keep_good, confidence)
    if count >= needed:
        return
    used = left_for_threshold(count) if by_reason else count
    possible = math.floor(1000 * (1 - confidence) ** (1 / used)) / 1000 if used else 0
    instead = f", or take --keep_good {possible:g}" if possible >= 0.5 else ""
    raise DataError(
        f"--good: {count} images, but --keep_good {keep_good:g} with --confidence {confidence:g}"
        f"{' and --by_reason' if by_reason else ''} needs at least {needed}; add good images{instead}"
    )


def score_queue(
    queue: PathQueue, scorer: Scorer, max_pixels: int, threads: int | None, name: str
) -> Iterator[Row]:
    """The rows of a queue, with a progress bar.

    Raises:
        KeyboardInterrupt: the user stopped it.
    """
    rows = score_paths(queue, scorer, threads or usable_cores(), max_pixels=max_pixels)
    with StopSignals() as stop, progress_bar(total=len(queue), desc=name, unit="image") as bar:
        for group in rows:
            yield from group
            bar.update(len(group))
            if stop.requested:
                raise KeyboardInterrupt


def describe(gate: QualityGate) -> list[str]:
    """What was fitted, in lines for people."""
    if gate.reasons:
        return [gate.promise, *_limits(gate), *_shares(gate)]
    return [
        gate.promise,
        f"Scores from {gate.pass_from:.4f} on pass; those between are unsure: {gate.good} examples do not "
        f"settle on which side of the lowest {100 * (1 - gate.keep_good):.6g}% of good images they lie.",
        *_shares(gate),
    ]


def _limits(gate: QualityGate) -> Iterator[str]:
    yield f"{'rejected':<28}{'':>12}{'unsure':>12}{'bad examples' if gate.bad else '':>15}"
    yield f"{'score':<28}{f'< {gate.reject_below:.4f}':>12}{f'< {gate.pass_from:.4f}':>12}"
    for limit in gate.reasons:
        ends = f"{f'> {limit.reject_above:.4f}':>12}{f'> {limit.pass_to:.4f}':>12}"
        yield f"{in_words(limit.family):<28}{ends}{limit.bad if gate.bad else '':>15}".rstrip()


def _shares(gate: QualityGate) -> Iterator[str]:
    for verdict, share in (gate.bad_shares or {}).items():
        yield (
            f"Of the {gate.bad} bad examples {share.count} are {_WORDS[verdict]}: {100 * share.share:.1f}% "
            f"({100 * share.low:.1f} to {100 * share.high:.1f}%, confidence {gate.confidence:.6g})."
        )


def _warn_of_copies(rows: Sequence[Row]) -> None:
    copies = len(rows) - len({(row.score, row.width, row.height) for row in rows})
    if copies:
        logging.warning(
            "--good: %d of %d images have score and size of another one; copies are no independent "
            "examples, and the promise does not hold with them",
            copies,
            len(rows),
        )
