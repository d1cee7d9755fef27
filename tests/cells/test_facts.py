"""What is known of a step before it is run: its Jacobian, and how fast a gradient decays."""

import pytest
import torch
from torch import sigmoid
from torch.nn.functional import linear

from cases import H, I, Scaling, assert_same, normal
from undertow import cells


def jacobian(cell, x, h, w):
    """∂h'/∂h of one row, [H, H]."""
    return torch.func.jacrev(lambda state: cell.step(x[None], cell.State(state[None]), w).h[0])(h)


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_vanilla_step_jacobian_is_the_slope_times_the_matrix(nonlinearity):
    cell = cells.RNN(I, H, nonlinearity=nonlinearity)
    w = cell.Weights(normal(H, I), normal(H, H), normal(H))
    x, h = normal(I), normal(H)
    z = w.h @ h + w.x @ x + w.b
    slope = 1 - torch.tanh(z) ** 2 if nonlinearity == "tanh" else (z > 0).double()
    assert_same(jacobian(cell, x, h, w), torch.diag(slope) @ w.h, 1e-14)


def test_residual_step_jacobian_is_the_identity_plus_the_inner_one():
    cell, inner = cells.ResidualRNN(I, H), cells.RNN(I, H)
    w = cell.Weights(normal(H, I), normal(H, H), normal(H))
    x, h = normal(I), normal(H)
    wanted = torch.eye(H).double() + jacobian(inner, x, h, inner.Weights(*w))
    assert_same(jacobian(cell, x, h, w), wanted, 1e-14)


def test_memory_path_of_an_lstm_step_is_its_forget_gate():
    """∂c'/∂c with h held is diag(f): the one path of which ∏ f is the product; h opens others."""
    cell = cells.LSTM(I, H)
    w = cell.Weights(normal(4 * H, I), normal(4 * H, H), normal(4 * H))
    x, h, c = normal(1, I), normal(1, H), normal(H)
    found = torch.func.jacrev(lambda c: cell.step(x, cell.State(h, c[None]), w).c[0])(c)
    f = sigmoid(linear(x, w.x, w.b) + linear(h, w.h)).chunk(4, dim=-1)[1][0]
    assert_same(found, torch.diag(f), 1e-14)


def test_memory_path_of_a_peephole_step_is_not_its_forget_gate_alone():
    cell = cells.PeepholeLSTM(I, H)
    w = cell.Weights(normal(4 * H, I), normal(4 * H, H), normal(4 * H), normal(3, H))
    x, h, c = normal(1, I), normal(1, H), normal(H)
    found = torch.func.jacrev(lambda c: cell.step(x, cell.State(h, c[None]), w).c[0])(c)
    i, f, g, _ = (linear(x, w.x, w.b) + linear(h, w.h))[0].chunk(4)
    i, f = sigmoid(i + w.p[0] * c), sigmoid(f + w.p[1] * c)
    gates_move = f * (1 - f) * w.p[1] * c + i * (1 - i) * w.p[0] * torch.tanh(g)
    assert_same(found, torch.diag(f + gates_move), 1e-14)


def test_highway_step_that_carries_everything_has_the_identity_as_jacobian():
    cell = cells.RecurrentHighway(I, H, depth=3)
    w = cell.Weights(normal(2 * H, I), normal(3, 2 * H, H), torch.full((3, 2 * H), -1e4).double())
    assert_same(jacobian(cell, normal(I), normal(H), w), torch.eye(H).double(), 0)


@pytest.mark.parametrize("factor", [0.5, 0.3, 1.0, 1.1])
def test_gradient_of_a_scaling_state_is_the_power_of_its_factor(factor):
    """∂h_100/∂h_1 = factor⁹⁹·I, so 0.5⁹⁹ ≈ 1.6e-30 and 0.3⁹⁹ ≈ 1.7e-52: exactly where it is a power of two."""
    cell, steps = Scaling(H, H, factor=factor), 99
    w = cell.Weights((factor * torch.eye(H)).double())
    first = normal(1, H).requires_grad_()
    state = cell.State(first)
    for _ in range(steps):
        state = cell.step(torch.zeros(1, H).double(), state, w)
    for unit in range(H):
        (found,) = torch.autograd.grad(state.h[0, unit], first, retain_graph=True)
        wanted = torch.zeros(1, H).double()
        wanted[0, unit] = torch.tensor(factor, dtype=torch.float32).double() ** steps
        torch.testing.assert_close(found, wanted, rtol=0 if factor in (0.5, 1.0) else 1e-12, atol=0)
    if factor == 0.5:
        assert 2.0**-steps == pytest.approx(1.6e-30, rel=0.02)
