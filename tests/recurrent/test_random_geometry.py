"""Shapes and the law of lengths at sizes that nobody chose."""

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from cases import Case, assert_same, normal
from undertow import cells

LSTM = Case("lstm", cells.LSTM(2, 3))


@some.composite
def geometries(draw):
    steps, batch = draw(some.integers(1, 8)), draw(some.integers(1, 5))
    lengths = draw(some.lists(some.integers(0, steps), min_size=batch, max_size=batch))
    return steps, lengths, draw(some.integers(1, 3)), draw(some.booleans()), draw(some.integers(0, 2))


@given(geometries())
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_shapes_and_the_law_of_lengths(geometry):
    steps, lengths, layers, bidirectional, projection = geometry
    batch, directions = len(lengths), 2 if bidirectional else 1
    layer = LSTM.module(layers=layers, bidirectional=bidirectional, projection=projection)
    x = normal(steps, batch, 2)
    y, last, states = layer(x, lengths=lengths, keep_states=True)
    assert y.shape == (steps, batch, projection or directions * 3)
    assert len(last) == len(states) == layers * directions
    assert {tuple(f.shape) for s in last for f in s} == {(batch, 3)}
    assert {tuple(f.shape) for s in states for f in s} == {(steps, batch, 3)}
    for row, length in enumerate(lengths):
        assert y[length:, row].abs().sum() == 0
        own = [[field[row : row + 1] for field in state] for state in last]
        if length == 0:
            assert_same(own, [[torch.zeros(1, 3).double()] * 2] * len(last), 0)
            continue
        alone, final = layer(x[:length, row : row + 1])
        assert_same(y[:length, row : row + 1], alone, 1e-12)
        assert_same(own, final, 1e-12)
