"""Learning-rate schedules: pure functions of the progress, so that a continued run needs no state of them."""

import math


def lr_factor(schedule: str, progress: float, warmup: int, epochs: int) -> float:
    """What the peak learning rate is multiplied with.

    Args:
        schedule: "piecewise": 0.1 before `warmup`, then 1, 0.1, 0.01, 0.001 from the epochs
            warmup + int(k * (epochs - warmup) / 4), k = 1.5, 2.5, 3.5, but one epoch at the peak at least;
            "cosine": a linear ramp to 1 over the warm-up, then half a cosine to 0;
            "constant": the ramp, then 1.
        progress: epochs done, with a fraction: 2.5 is in the middle of the third.
        warmup: epochs of warm-up; may be as long as the run, which then never leaves it.
        epochs: length of the run.
    """
    if schedule == "piecewise":
        return _piecewise(int(progress), warmup, epochs)
    if progress < warmup:
        return max(progress, 0.1) / warmup
    if schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - warmup) / max(1, epochs - warmup))))


def _piecewise(epoch: int, warmup: int, epochs: int) -> float:
    if epoch < warmup:
        return 0.1
    span = max(0, epochs - warmup)
    # At least one epoch at the peak: with a span of 1 or 2 the boundaries would all fall on its first epoch.
    passed = sum(epoch >= warmup + max(1, int(k * span / 4)) for k in (1.5, 2.5, 3.5))
    return 10.0**-passed
