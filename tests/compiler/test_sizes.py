"""Kernel against eager loop at sizes that fit no register: hypothesis draws the steps, rows and lengths."""

import pytest
import torch
from agreement import Problem, assert_agree, assert_as_exact, problem
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import Case
from undertow import cells
from undertow.compiler.function import fused

# Input features and hidden units are compiled in; steps and rows are not.
KINDS = [cells.LSTM, cells.GRU, cells.ResetBeforeGRU, cells.LayerNormLSTM]
CELLS = [kind(*sizes) for kind in KINDS for sizes in ((1, 1), (17, 33))] + [
    cells.LSTM(3, 100),
    cells.GRU(3, 100),
]


@pytest.mark.parametrize("cell", CELLS, ids=lambda c: f"{type(c).__name__}-{c.input_size}-{c.hidden_size}")
@settings(max_examples=8, deadline=None, derandomize=True)
@given(
    steps=st.integers(1, 24), batch=st.integers(1, 67), reverse=st.booleans(), threads=st.sampled_from([1, 2])
)
def test_any_steps_and_rows(cell, steps, batch, reverse, threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert_as_exact(small(problem(Case("", cell), steps, batch, torch.float32, reverse=reverse)))
    finally:
        torch.set_num_threads(before)


def small(made: Problem) -> Problem:
    """Weights as small as they start, so that rounding does not grow from step to step."""
    with torch.no_grad():
        for weight in made.weights:
            weight.mul_(2 / made.cell.hidden_size**0.5)
    return made


@settings(max_examples=25, deadline=None, derandomize=True)
@given(data=st.data(), steps=st.integers(1, 12), batch=st.integers(1, 21), reverse=st.booleans())
def test_any_lengths(data, steps, batch, reverse):
    lengths = torch.tensor(data.draw(st.lists(st.integers(0, steps), min_size=batch, max_size=batch)))
    made = problem(Case("", cells.GRU(3, 5)), steps, batch, lengths=lengths, reverse=reverse)
    assert_agree(made)


def test_a_thousand_steps():
    assert_agree(problem(Case("", cells.LSTM(3, 5)), steps=1000, batch=3), tolerance=1e-9)


def test_three_hundred_units():
    assert_as_exact(small(problem(Case("", cells.LSTM(20, 300)), steps=3, batch=11, dtype=torch.float32)))


def test_all_rows_are_empty():
    made = problem(Case("", cells.GRU(3, 5)), 4, 3, lengths=torch.zeros(3, dtype=torch.long))
    assert_agree(made)
    for last, start in zip(made.walk(fused)[1:], made.start, strict=True):
        assert torch.equal(last, start)
