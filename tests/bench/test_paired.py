"""Medians and ranges of known pairs; both sides run equally often, in turn."""

import pytest

from undertow.bench.machine import beside, gemm_gflops, read_gbytes
from undertow.bench.paired import LEAST_PAIRS, WARM_UP_RUNS, paired, summed_up


def test_ratio_is_the_median_of_ratios_of_pairs():
    found = summed_up([(0.002, 0.001), (0.009, 0.003), (0.004, 0.004)])
    assert (found.base_ms, found.ours_ms, found.ratio) == (4.0, 3.0, 2.0)
    assert (found.low, found.high, found.pairs) == (1.0, pytest.approx(3.0), 3)


def test_range_leaves_out_five_in_a_hundred():
    found = summed_up([(0.001 * n, 0.001) for n in range(1, 101)])
    assert (found.ratio, found.low, found.high) == (50.5, pytest.approx(6), pytest.approx(96))


def test_who_goes_first_changes():
    order = []
    found = paired(lambda: order.append("base"), lambda: order.append("ours"), seconds=0)
    assert found.pairs == LEAST_PAIRS
    assert order[: 2 * WARM_UP_RUNS] == ["base"] * WARM_UP_RUNS + ["ours"] * WARM_UP_RUNS
    assert order[2 * WARM_UP_RUNS :][:4] == ["base", "ours", "ours", "base"]


def test_between_long_pairs_only(monkeypatch):
    calls = []
    paired(lambda: None, lambda: None, 0, lambda: calls.append(1))
    assert calls == []
    monkeypatch.setattr("undertow.bench.paired.LONG", 0.0)
    assert paired(lambda: None, lambda: None, 0, lambda: calls.append(1)).pairs == len(calls)


def test_a_roof_is_the_best_of_before_between_and_after():
    values = iter([[1.0, 2.0, 8.0], [4.0], [3.0], [3.0]])
    with beside(lambda: next(values)) as roof:
        assert roof.speed == 2.0
        roof.once_more()
        roof.once_more()
        assert roof.speed == 3.5
    assert (roof.before, roof.between, roof.after) == ([1.0, 2.0, 8.0], [4.0, 3.0], [3.0])
    assert roof.speed == 3.5


def test_roofs_are_plausible():
    assert min(gemm_gflops(0.001)) > 0.1
    small, large = (max(read_gbytes(size, 0.001)) for size in (1 << 14, 1 << 20))
    assert 5000 > small > 0.5
    assert 5000 > large > 0.5
