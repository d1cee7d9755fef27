"""Budgets and learning rates, worked out by hand."""

import math
from itertools import pairwise

import pytest

from undertow.training.budget import Budget, budget_of, rate
from undertow.training.options import Training


@pytest.mark.parametrize(
    ("settings", "budget"),
    [
        ({"steps": 7}, Budget(steps=7)),
        ({"minutes": 1.5}, Budget(seconds=90)),
        ({"epochs": 2.5}, Budget(steps=100)),
        ({"epochs": 1e-6}, Budget(steps=1)),
        ({}, Budget(steps=120)),  # the recipe's own three epochs
    ],
)
def test_budgets_of_40_steps_an_epoch(settings, budget):
    assert budget_of(Training(**settings), steps_per_epoch=40, default_epochs=3) == budget


@pytest.mark.parametrize(
    ("budget", "step", "seconds", "progress"),
    [
        (Budget(steps=8), 0, 99.0, 0.0),
        (Budget(steps=8), 2, 99.0, 0.25),
        (Budget(steps=8), 8, 0.0, 1.0),
        (Budget(steps=8), 9, 0.0, 1.0),
        (Budget(seconds=60), 10**9, 15.0, 0.25),
        (Budget(seconds=60), 0, 61.0, 1.0),
    ],
)
def test_progress(budget, step, seconds, progress):
    assert budget.progress(step, seconds) == progress


RISING = [(0.0, 2e-3), (5e-5, 2e-3), (0.05, 1.0), (0.1, 2.0)]  # a thousandth of the warm-up is always given


@pytest.mark.parametrize(
    ("decay", "points"),
    [
        ("cosine", [*RISING, (0.55, 1.1), (0.1 + 0.9 / 3, 0.2 + 1.8 * 0.75), (1.0, 0.2)]),
        ("linear", [*RISING, (0.55, 1.1), (0.1 + 0.9 / 3, 0.2 + 1.8 * 2 / 3), (1.0, 0.2)]),
        ("none", [*RISING, (0.55, 2.0), (1.0, 2.0)]),
    ],
)
def test_rates_with_a_peak_of_2_a_tenth_of_warm_up_and_a_tenth_at_the_end(decay, points):
    options = Training(learning_rate=2.0, warmup=0.1, decay=decay, final_rate=0.1)
    for progress, wanted in points:
        assert rate(options, progress) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("decay", ["cosine", "linear", "none"])
@pytest.mark.parametrize("warmup", [0.0, 0.02, 0.5])
def test_rates_are_smooth_positive_and_at_most_the_peak(decay, warmup):
    options = Training(learning_rate=3.0, warmup=warmup, decay=decay)
    rates = [rate(options, n / 10_000) for n in range(10_001)]
    assert all(0 < value <= 3.0 for value in rates)
    assert max(rates) == pytest.approx(3.0, rel=1e-6)
    steepest = max(1 / warmup if warmup else 0, math.pi / 2 / (1 - warmup))
    jumps = [abs(after - before) for before, after in pairwise(rates)]
    assert max(jumps) <= 3.0 * steepest / 10_000 + 1e-12
