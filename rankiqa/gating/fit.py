"""Fit of a quality gate: thresholds from the scores of good examples, and what they do to bad ones."""

import logging
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rankiqa.batch.inputs import PathQueue, collect
from rankiqa.batch.pipeline import score_paths
from rankiqa.batch.results import Row
from rankiqa.decoding.limits import MAX_PIXELS
from rankiqa.errors import DataError
from rankiqa.gating.binomial import exact_interval, examples_needed, threshold_ranks
from rankiqa.gating.quality_gate import PASS, REJECT, UNSURE, VERDICTS, ModelId, QualityGate, Share
from rankiqa.machine import usable_cores
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
    """

    good: Sequence[str]
    bad: Sequence[str] | None = None
    keep_good: float = 0.99
    confidence: float = 0.95
    max_pixels: int = MAX_PIXELS
    threads: int | None = None


def fit_folders(request: FitRequest, scorer: Scorer, model: Path) -> QualityGate:
    """Score the examples and fit a gate to them.

    Raises:
        DataError: too few good examples, or some that can't be read.
        KeyboardInterrupt: the user stopped it.
    """
    with closing(collect(request.good)) as queue:
        require_enough(len(queue), request.keep_good, request.confidence)
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
    return fit_scores(
        np.array([row.score for row in good]),
        ModelId.of(model, scorer.spec),
        np.array([math.nan if row.score is None else row.score for row in bad]) if bad else None,
        request.keep_good,
        request.confidence,
    )


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
    counts = Counter(gate.judge(float(score)).verdict for score in bad)
    shares = {
        verdict: Share(
            counts[verdict],
            counts[verdict] / len(bad),
            *exact_interval(counts[verdict], len(bad), confidence),
        )
        for verdict in VERDICTS
    }
    return QualityGate(**{**vars(gate), "bad": len(bad), "bad_shares": shares})


def require_enough(count: int, keep_good: float, confidence: float) -> None:
    """Refuse a promise that so many good examples can't give.

    Raises:
        DataError: with the number that is needed, and what this number would allow.
    """
    needed = examples_needed(1 - keep_good, confidence)
    if count >= needed:
        return
    possible = math.floor(1000 * (1 - confidence) ** (1 / count)) / 1000 if count else 0
    instead = f", or take --keep_good {possible:g}" if possible else ""
    raise DataError(
        f"--good: {count} images, but --keep_good {keep_good:g} with --confidence {confidence:g} needs "
        f"at least {needed}; add good images{instead}"
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
    lines = [
        gate.promise,
        f"Scores from {gate.pass_from:.4f} on pass; those between are unsure: {gate.good} examples do not "
        f"settle on which side of the lowest {100 * (1 - gate.keep_good):.6g}% of good images they lie.",
    ]
    for verdict, share in (gate.bad_shares or {}).items():
        lines.append(
            f"Of the {gate.bad} bad examples {share.count} are {_WORDS[verdict]}: {100 * share.share:.1f}% "
            f"({100 * share.low:.1f} to {100 * share.high:.1f}%, confidence {gate.confidence:.6g})."
        )
    return lines


def _warn_of_copies(rows: Sequence[Row]) -> None:
    copies = len(rows) - len({(row.score, row.width, row.height) for row in rows})
    if copies:
        logging.warning(
            "--good: %d of %d images have score and size of another one; copies are no independent "
            "examples, and the promise does not hold with them",
            copies,
            len(rows),
        )
