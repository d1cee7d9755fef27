"""Analytic gradients of one step against finite differences, for every cell, in float64."""

import pytest
import torch

from cases import CELLS, USER_CELLS, H, I, needing_gradient, normal

ROWS = 2


def step_of(cell):
    """The step as a function of tensors alone, as gradcheck wants it."""
    fields = len(cell.State._fields)

    def step(x, *tensors):
        return tuple(cell.step(x, cell.State(*tensors[:fields]), cell.Weights(*tensors[fields:])))

    return step


@pytest.mark.parametrize("case", CELLS + USER_CELLS, ids=str)
def test_step_gradients(case):
    inputs = needing_gradient(normal(ROWS, I), case.state(ROWS), case.weights())
    assert torch.autograd.gradcheck(step_of(case.cell), inputs, check_batched_grad=True)


@pytest.mark.parametrize("case", CELLS + USER_CELLS, ids=str)
def test_step_second_gradients(case):
    inputs = needing_gradient(normal(ROWS, I), case.state(ROWS), case.weights())
    assert torch.autograd.gradgradcheck(step_of(case.cell), inputs, fast_mode=True)


@pytest.mark.parametrize("case", CELLS + USER_CELLS, ids=str)
def test_step_writes_nothing(case):
    """A pure step: what goes in stays as it was, and a second call gives the same."""
    x, state, w = normal(ROWS, I), case.state(ROWS), case.weights()
    before = [t.clone() for t in (x, *state, *w)]
    first, second = case.cell.step(x, state, w), case.cell.step(x, state, w)
    torch.testing.assert_close([x, *state, *w], before, rtol=0, atol=0)
    torch.testing.assert_close(list(first), list(second), rtol=0, atol=0)


@pytest.mark.parametrize("case", CELLS + USER_CELLS, ids=str)
def test_rows_of_a_batch_do_not_meet(case):
    """∂(row b of the new state)/∂(another row of x or of the old state) is zero."""
    x, state, w = normal(3, I), case.state(3), case.weights()
    inputs = needing_gradient(x, state)
    row = sum(field[1].sum() for field in case.cell.step(x, state, w))
    found = torch.autograd.grad(row, inputs, allow_unused=True)
    for gradient in found:
        if gradient is not None:
            assert gradient[[0, 2]].abs().max() == 0
    assert found[0][1].abs().max() > 0


def test_state_sizes_are_the_cells_own():
    shapes = {str(case): [tuple(s.shape) for s in case.cell.start(7)] for case in CELLS + USER_CELLS}
    assert shapes["lstm"] == [(7, H), (7, H)]
    assert shapes["projected_lstm"] == [(7, 2), (7, H)]
    assert shapes["user_associative"] == [(7, H), (7, H, 2), (7, 1)]
