"""Warnings that name the cause when training goes nowhere, or when its metrics say less than they seem to."""

import math
from collections.abc import Iterator

import numpy as np

from applications.evaluation.predictions import DIVERGED, Predictions
from dataloader.groups import scenes_of
from dataloader.labels import Labels

EQUAL = 1e-4  # scores that differ by less, or by less than this share of them, say nothing
BY_CHANCE = 2.326  # standard deviations below chance; a model that guesses falls further in 1 of 100 epochs


def on_labels(labels: Labels) -> Iterator[str]:
    """What makes labels useless to learn from."""
    for part in labels.sets:
        if part.has_shares and not part.order.any():
            yield f"{part.source}: all {len(part)} pairs are ties; there is no order to learn"
        if part.task != "rank" and len(part) > 1 and not np.ptp(part.targets, axis=0).any():
            yield f"{part.source}: all {len(part)} rows have the same label; there is nothing to learn"


def on_averages(ema: float | None, swa_epochs: int | None, updates: int) -> Iterator[str]:
    """What makes an average of weights say little.

    Args:
        ema: decay of each update.
        swa_epochs: how many epochs are averaged.
        updates: of the weights in the whole run.
    """
    if ema is not None and 1 / (1 - ema) > updates:
        yield (
            f"--ema {ema:g} looks back about {1 / (1 - ema):.0f} updates, but the run has {updates}: "
            f"the first weights keep a share of {ema ** (updates - 1):.0%} in what is kept; "
            f"try --ema {1 - 3 / max(updates, 4):.2g}, or leave it out"
        )
    if swa_epochs == 1:
        yield "--swa averages the last epoch alone, which changes nothing but batch statistics: more --epochs"


def on_scores(labels: Labels, result: Predictions) -> Iterator[str]:
    """What validation scores say of the model, where there are enough images to say it.

    Scores that are all equal say it of two images or more. "Worse than chance" is said where a model that
    guesses would hardly be so bad: SRCC of n images that guesses give has the standard deviation
    1 / sqrt(n - 1) (Kendall, Rank Correlation Methods); pair accuracy of c independent comparisons
    1 / (2 sqrt(c)). Pairs among M images of S scenes hold M - S comparisons that don't follow from others.
    """
    scores = result.scores[np.isfinite(result.scores)]
    if len(scores) > 1 and np.ptp(scores) <= EQUAL * max(1.0, abs(float(scores.min()))):
        yield f"every validation image has the score {scores.min():g}: the model has collapsed"
    if len(scores) and np.abs(scores).max() > DIVERGED:
        yield (
            f"validation scores lie in {scores.min():.2g} to {scores.max():.2g}: the weights have diverged; "
            "try a smaller --lr or --clip_grad"
        )
    metrics = result.metrics
    if labels.task == "rank":
        pairs, has_order = labels.ordered(result.rows)
        pairs = pairs[has_order]
        if not len(pairs):
            return
        images, placed = np.unique(pairs, return_inverse=True)
        scenes = scenes_of(placed.reshape(pairs.shape), len(images))
        beyond = (2 * metrics["pair_accuracy"] - 1) * math.sqrt(len(images) - 1 - scenes.max())
        if beyond < -BY_CHANCE and metrics["score_gap"] < 0:  # all equal: ties
            yield (
                f"validation pair accuracy is {metrics['pair_accuracy']:.3f}, worse than chance: "
                f"are the rows of one of the label files inverted? {_meant(labels)}"
            )
    elif metrics["srcc"] < -0.1 and metrics["srcc"] * math.sqrt(len(result.rows) - 1) < -BY_CHANCE:
        yield (
            f"validation SRCC is {metrics['srcc']:.3f}, worse than chance: do the labels of one of the "
            "splits run the other way (DMOS: lower is better)?"
        )


def _meant(labels: Labels) -> str:
    return "p is the share who prefer the first" if labels.has_shares else "They are better,worse"


def on_epoch(task: str, margin: float, train_loss: float) -> Iterator[str]:
    """What the loss of an epoch says about a run that does not learn.

    Args:
        task: "rank", "emd" or "regress".
        margin: of the ranking loss.
        train_loss: mean over the rows of the epoch.
    """
    if task == "rank" and math.isclose(train_loss, margin, rel_tol=1e-3):
        yield (
            f"the loss of the whole epoch is the margin, {margin:g}: all scores are equal; "
            "try --pretrained, a higher --lr, or --rank_activation none"
        )
