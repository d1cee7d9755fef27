"""What counts as a remedy that helped."""

import math
import random

import numpy as np
import pytest

from undertow.doctor.effect import QUANTILES, beyond, effect_of, interval


def share_within(limit, freedom):
    """Of Student's distribution, by its density."""
    x = np.linspace(-limit, limit, 200_001)
    log = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - 0.5 * math.log(freedom * math.pi)
    return np.trapezoid(np.exp(log) * (1 + x * x / freedom) ** (-(freedom + 1) / 2), x)


@pytest.mark.parametrize("freedom", range(1, 10))
def test_the_quantiles_are_students(freedom):
    assert share_within(QUANTILES[freedom], freedom) == pytest.approx(0.95, abs=1e-4)


def test_of_many_draws_too():
    values = [0.0, 1.0] * 20
    middle, low, high = interval(values)
    error = np.std(values, ddof=1) / 40**0.5
    assert middle == 0.5
    assert share_within((high - low) / 2 / error, 39) == pytest.approx(0.95, abs=2e-3)


@pytest.mark.parametrize(
    ("control", "treated", "goal", "helped"),
    [
        ([2.3, 2.2, 2.4], [0.1, 0.2, 0.1], "lower", True),
        ([0.1, 0.2, 0.1], [0.9, 0.8, 0.95], "higher", True),
        ([0.1, 0.2, 0.1], [0.9, 0.8, 0.95], "lower", False),
        ([2.3, 2.2, 2.4], [2.25, 2.15, 2.35], "lower", False),  # sure, but hardly anything
        ([2.3, 2.2, 2.4], [0.1, 2.3, 0.1], "lower", False),  # worse in one draw
        ([2.0, 0.5, 2.0], [0.1, 0.1, 0.05], "lower", True),  # by ratios
        ([math.nan] * 3, [0.5, 0.6, 0.5], "lower", True),
        ([0.5, 0.6, 0.5], [math.nan] * 3, "lower", False),
        ([math.nan] * 3, [0.5, 0.6, 0.5], "higher", True),
        ([math.nan] * 3, [math.nan] * 3, "lower", False),
        ([2.0], [1.0], "lower", True),
        (
            [0.5, 0.52, 1.0, 0.5, 0.5, 0.49],
            [1.0, 0.99, 0.998, 1.0, 1.0, 1.0],
            "higher",
            True,
        ),  # one needed nothing
        ([0.94, 9.93], [0.075, 0.063], "lower", True),  # far apart, though not by the same in each draw
    ],
)
def test_helped(control, treated, goal, helped):
    assert effect_of(control, treated, goal).helped is helped


def test_chance_alone_seldom_helps():
    """Of 2,000 remedies that do nothing, at three draws, fewer than one in twenty."""
    draw = random.Random(1)
    found = sum(
        effect_of(*[[1 + 0.2 * draw.gauss(0, 1) for _ in range(3)] for _ in range(2)], "lower").helped
        for _ in range(2000)
    )
    assert found < 100


def test_no_number_is_worse_than_the_worst():
    assert beyond([1.0, 3.0, math.nan], "lower") == 6.0
    assert beyond([0.2, 0.9], "higher") == pytest.approx(-0.7)
