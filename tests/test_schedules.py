"""Oracle: the piecewise rule of the earlier code written out by hand; the closed form of half a cosine."""

import math

import pytest

from optim.schedules import lr_factor


def factors(schedule: str, warmup: int, epochs: int) -> list[float]:
    return [lr_factor(schedule, epoch, warmup, epochs) for epoch in range(epochs)]


def test_piecewise_of_the_documented_run():
    # 85 epochs, 5 of warm-up: boundaries 5 + int(1.5 * 20), 5 + int(2.5 * 20), 5 + int(3.5 * 20)
    expected = [0.1] * 5 + [1.0] * 30 + [0.1] * 20 + [0.01] * 20 + [0.001] * 10
    assert factors("piecewise", 5, 85) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("warmup", "epochs", "expected"),
    [
        (0, 1, [1]),  # int(k / 4) is 0 for all three, but one epoch stays at the peak
        (0, 2, [1, 0.001]),  # int(0.75), int(1.25), int(1.75): all raised to 1 or equal to it
        (5, 6, [0.1] * 5 + [1]),
        (0, 8, [1, 1, 1, 0.1, 0.1, 0.01, 0.01, 0.001]),
        (2, 10, [0.1, 0.1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01, 0.001]),
        (3, 8, [0.1, 0.1, 0.1, 1, 0.1, 0.1, 0.01, 0.001]),  # int(1.875), int(3.125), int(4.375)
        (5, 5, [0.1] * 5),
        (9, 4, [0.1] * 4),
        (1, 1, [0.1]),
    ],
)
def test_piecewise_by_hand(warmup, epochs, expected):
    assert factors("piecewise", warmup, epochs) == pytest.approx(expected, rel=1e-12)


def test_piecewise_changes_only_between_epochs():
    for epoch in range(20):
        assert lr_factor("piecewise", epoch + 0.999, 2, 20) == lr_factor("piecewise", epoch, 2, 20)


@pytest.mark.parametrize(("warmup", "epochs"), [(0, 1), (0, 10), (5, 85), (3, 4)])
def test_cosine(warmup, epochs):
    assert lr_factor("cosine", warmup, warmup, epochs) == pytest.approx(1)
    assert lr_factor("cosine", epochs, warmup, epochs) == pytest.approx(0, abs=1e-12)
    middle = (warmup + epochs) / 2
    assert lr_factor("cosine", middle, warmup, epochs) == pytest.approx(0.5)
    third = warmup + (epochs - warmup) / 3
    assert lr_factor("cosine", third, warmup, epochs) == pytest.approx(0.75)  # (1 + cos 60 degrees) / 2
    assert lr_factor("cosine", epochs + 1, warmup, epochs) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_ramp(schedule):
    assert lr_factor(schedule, 1, 4, 20) == pytest.approx(0.25)
    assert lr_factor(schedule, 3.5, 4, 20) == pytest.approx(0.875)
    assert 0 < lr_factor(schedule, 0, 4, 20) <= 0.05  # a first step at rate zero would teach nothing
    assert lr_factor(schedule, 0, 0, 20) == 1.0
    assert all(0 < lr_factor(schedule, epoch, 9, 5) < 1 for epoch in range(5))  # a run that is all warm-up


def test_constant_stays():
    assert {lr_factor("constant", progress, 3, 10) for progress in (3, 5.5, 10)} == {1.0}


@pytest.mark.parametrize("schedule", ["piecewise", "cosine", "constant"])
@pytest.mark.parametrize("warmup", [0, 1, 5, 30])
def test_factors_stay_in_range_and_fall_after_the_warm_up(schedule, warmup):
    values = [lr_factor(schedule, step / 7, warmup, 20) for step in range(7 * 20)]
    assert all(math.isfinite(value) and 0 < value <= 1 for value in values)
    after = values[7 * warmup :]
    assert all(later <= earlier for earlier, later in zip(after, after[1:], strict=False))
