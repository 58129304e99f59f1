"""Warnings that name the cause when training goes nowhere."""

import math
from collections.abc import Iterator

import numpy as np

from dataloader.labels import Labels


def on_labels(labels: Labels) -> Iterator[str]:
    """What makes labels useless to learn from."""
    if labels.task != "rank" and len(labels) > 1 and not np.ptp(labels.targets, axis=0).any():
        yield f"{labels.source}: all {len(labels)} rows have the same label; there is nothing to learn"


def on_epoch(task: str, margin: float, figures: dict[str, float]) -> Iterator[str]:
    """What figures of an epoch say about a run that does not learn.

    Args:
        task: "rank", "emd" or "regress".
        margin: of the ranking loss.
        figures: training loss and validation figures.
    """
    if task == "rank":
        if math.isclose(figures["train_loss"], margin, rel_tol=1e-3):
            yield (
                f"the loss of the whole epoch is the margin, {margin:g}: all scores are equal; "
                "try --pretrained, a higher --lr, or --rank_activation none"
            )
        if figures["pair_accuracy"] < 0.5 and figures["score_gap"] < 0:  # all equal: ties
            yield (
                f"validation pair accuracy is {figures['pair_accuracy']:.3f}, worse than chance: "
                "are the rows of one of the label files turned round? They are better,worse"
            )
    elif figures.get("srcc", 0) < -0.1:
        yield (
            f"validation SRCC is {figures['srcc']:.3f}, worse than chance: do the labels of one of the "
            "splits run the other way (DMOS: lower is better)?"
        )
