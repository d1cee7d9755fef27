"""One step of each cell against an answer from elsewhere: torch.nn's cells, numpy, or another of our cells."""

import numpy as np
import pytest
import torch
from torch import sigmoid, tanh
from torch.nn.functional import linear

from cases import CELLS, USER_CELLS, B, H, I, assert_same, normal
from oracles import highway_step
from undertow import cells


def case(name):
    return next(c for c in CELLS + USER_CELLS if c.name == name)


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_rnn_step_agrees_with_torch(nonlinearity):
    oracle = torch.nn.RNNCell(I, H, nonlinearity=nonlinearity).double()
    cell = cells.RNN(I, H, nonlinearity=nonlinearity)
    w = cell.Weights(oracle.weight_ih, oracle.weight_hh, oracle.bias_ih + oracle.bias_hh)
    x, h = normal(B, I), normal(B, H)
    assert_same(cell.step(x, cell.State(h), w), oracle(x, h), 1e-14)


def test_lstm_step_agrees_with_torch():
    oracle = torch.nn.LSTMCell(I, H).double()
    cell = cells.LSTM(I, H)
    w = cell.Weights(oracle.weight_ih, oracle.weight_hh, oracle.bias_ih + oracle.bias_hh)
    x, h, c = normal(B, I), normal(B, H), normal(B, H)
    assert_same(cell.step(x, cell.State(h, c), w), oracle(x, (h, c)), 1e-14)


def test_gru_step_agrees_with_torch():
    oracle = torch.nn.GRUCell(I, H).double()
    cell = cells.GRU(I, H)
    shared = (oracle.bias_ih + oracle.bias_hh)[: 2 * H]
    bias = torch.cat([shared, oracle.bias_ih[2 * H :]])
    w = cell.Weights(oracle.weight_ih, oracle.weight_hh, bias, oracle.bias_hh[2 * H :])
    x, h = normal(B, I), normal(B, H)
    assert_same(cell.step(x, cell.State(h), w), oracle(x, h), 1e-14)


@pytest.mark.parametrize("depth", [1, 3])
def test_highway_step_agrees_with_its_formula(depth):
    row = case(f"highway_depth_{depth}")
    w, state, x = row.weights(), row.state(), normal(B, I)
    wanted = highway_step(x.numpy(), state.h.numpy(), type(w)(*(t.numpy() for t in w)))
    np.testing.assert_allclose(row.cell.step(x, state, w).h.numpy(), wanted, rtol=1e-13, atol=1e-14)


def test_residual_step_is_the_inner_step_plus_the_state():
    row, inner = case("residual_rnn"), cells.RNN(I, H)
    w, state, x = row.weights(), row.state(), normal(B, I)
    plain = inner.step(x, inner.State(state.h), inner.Weights(*w))
    assert_same(row.cell.step(x, state, w), plain.h + state.h, 1e-14)


def test_coupled_lstm_is_an_lstm_whose_input_gate_is_the_forget_gate_negated():
    row, full = case("coupled_lstm"), cells.LSTM(I, H)
    w, state, x = row.weights(), row.state(), normal(B, I)
    four = full.Weights(*(torch.cat([-part[:H], part]) for part in w))
    assert_same(row.cell.step(x, state, w), full.step(x, full.State(*state), four), 1e-14)


def test_peephole_lstm_without_peepholes_is_an_lstm():
    row, plain = case("peephole_lstm"), cells.LSTM(I, H)
    w, state, x = row.weights(), row.state(), normal(B, I)
    shut = w._replace(p=torch.zeros_like(w.p))
    assert_same(
        row.cell.step(x, state, shut), plain.step(x, plain.State(*state), plain.Weights(*w[:3])), 1e-14
    )


def test_peephole_of_each_gate_is_its_own():
    """Input and forget see the old memory, output the new one: each alone moves what it should and no more."""
    row = case("peephole_lstm")
    w, state, x = row.weights(), row.state(), normal(B, I)
    shut = w._replace(p=torch.zeros_like(w.p))
    i, f, g, o = (linear(x, w.x, w.b) + linear(state.h, w.h)).chunk(4, dim=-1)
    for gate in range(3):
        p = torch.zeros_like(w.p)
        p[gate] = w.p[gate]
        seen = [p[0] * state.c, p[1] * state.c]
        c = sigmoid(f + seen[1]) * state.c + sigmoid(i + seen[0]) * tanh(g)
        wanted = (sigmoid(o + p[2] * c) * tanh(c), c)
        assert_same(row.cell.step(x, state, shut._replace(p=p)), wanted, 1e-14)


def test_peephole_of_the_contract_is_ours():
    """The cell that the contract shows as a user's, and the one in the package, are one formula."""
    ours, users = case("peephole_lstm"), case("user_peephole").cell
    w, state, x = ours.weights(), ours.state(), normal(B, I)
    got = users.step(x, users.State(*state), users.Weights(*w))
    assert_same(got, ours.cell.step(x, state, w), 0)


def test_projected_lstm_with_the_identity_is_an_lstm():
    cell, plain = cells.ProjectedLSTM(I, H, projection=H), cells.LSTM(I, H)
    w = cell.Weights(normal(4 * H, I), normal(4 * H, H), normal(4 * H), torch.eye(H).double())
    x, h, c = normal(B, I), normal(B, H), normal(B, H)
    got = cell.step(x, cell.State(h, c), w)
    assert_same(got, plain.step(x, plain.State(h, c), plain.Weights(*w[:3])), 1e-14)


def test_projection_defaults_to_half_and_to_at_least_one():
    assert [cells.ProjectedLSTM(I, hidden).projected for hidden in (1, 2, 5, 8)] == [1, 1, 2, 4]
    assert [tuple(s.shape) for s in cells.ProjectedLSTM(I, 5).start(B)] == [(B, 2), (B, 5)]


def cho_step(x, h, w, *, reset_before):
    """The other convention, h' = (1 − z)·h + z·n, as Cho et al. 2014 write it."""
    u, v = w.x.chunk(3), w.h.chunk(3)
    b, q = w.b.chunk(3), getattr(w, "q", 0)
    r, z = (sigmoid(linear(x, u[gate], b[gate]) + linear(h, v[gate])) for gate in (0, 1))
    inner = linear(r * h, v[2]) if reset_before else r * (linear(h, v[2]) + q)
    return (1 - z) * h + z * tanh(linear(x, u[2], b[2]) + inner)


@pytest.mark.parametrize("name", ["gru", "reset_before_gru"])
def test_negating_the_rows_of_z_turns_one_convention_into_the_other(name):
    row = case(name)
    w, state, x = row.weights(), row.state(), normal(B, I)
    sign = torch.ones(3 * H).double()
    sign[H : 2 * H] = -1
    negated = w._replace(x=sign[:, None] * w.x, h=sign[:, None] * w.h, b=sign * w.b)
    wanted = cho_step(x, state.h, w, reset_before=name == "reset_before_gru")
    assert_same(row.cell.step(x, state, negated), wanted, 1e-14)
