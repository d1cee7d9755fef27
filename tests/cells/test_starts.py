"""How weights start: each start by the property that names it, found in the gate where it belongs."""

import math

import pytest
import torch

import undertow as ut
from cases import CELLS, USER_CELLS, B, H, I, assert_same, normal
from undertow import cells
from undertow.cells import init
from undertow.errors import SettingError

GATES = {
    "rnn": (cells.RNN, 1),
    "lstm": (cells.LSTM, 4),
    "peephole_lstm": (cells.PeepholeLSTM, 4),
    "coupled_lstm": (cells.CoupledLSTM, 3),
    "gru": (cells.GRU, 3),
    "reset_before_gru": (cells.ResetBeforeGRU, 3),
    "residual_rnn": (cells.ResidualRNN, 1),
    "recurrent_highway": (cells.RecurrentHighway, 2),
}
WITH_FORGET_GATE = [cells.LSTM, cells.PeepholeLSTM, cells.CoupledLSTM, cells.ProjectedLSTM]


def recurrent_blocks(kind, gates, how):
    """Every gate's [H, H] block of the fresh recurrent weights."""
    fresh = kind(I, H, init_recurrent=how).init().h
    return fresh.reshape(-1, gates, H, H).flatten(0, 1)


@pytest.mark.parametrize("name", GATES)
def test_orthogonal_start_keeps_every_length_in_every_gate(name):
    found = recurrent_blocks(*GATES[name], "orthogonal")
    torch.testing.assert_close(found.mT @ found, torch.eye(H).expand_as(found), rtol=0, atol=1e-6)
    assert len({tuple(block.flatten().tolist()) for block in found}) == len(found)  # each drawn for itself


@pytest.mark.parametrize("name", GATES)
def test_identity_start_is_the_identity_in_every_gate(name):
    found = recurrent_blocks(*GATES[name], "identity")
    assert_same(found, torch.eye(H).expand_as(found), 0)


@pytest.mark.parametrize("name", GATES)
def test_uniform_start_stays_in_its_bound(name):
    assert recurrent_blocks(*GATES[name], "uniform").abs().max() <= 1 / math.sqrt(H)
    assert init.uniform(101, gates=3).abs().max() > 0.99 / math.sqrt(101)


def test_unknown_start_is_refused():
    with pytest.raises(
        SettingError, match="init_recurrent must be one of orthogonal, identity, uniform, got 'magic'"
    ):
        ut.Recurrent(cells.LSTM(I, H, init_recurrent="magic"))


def test_glorot_stays_in_its_bound_and_fills_it():
    found, bound = init.glorot(63, 100, gates=3), math.sqrt(6 / 163)
    assert found.shape == (3 * 63, 100)
    assert 0.999 * bound < found.abs().max() <= bound
    assert found.var().item() == pytest.approx(2 / 163, rel=0.03)  # Glorot & Bengio's variance


@pytest.mark.parametrize("case", CELLS, ids=str)
def test_input_weights_are_glorot_by_the_gate_not_by_the_stack(case):
    assert case.cell.init().x.abs().max() <= math.sqrt(6 / (I + H))


def silent(fresh):
    """Fresh weights with the matrices shut, so that the biases alone speak."""
    return fresh._replace(x=torch.zeros_like(fresh.x), h=torch.zeros_like(fresh.h))


@pytest.mark.parametrize("kind", WITH_FORGET_GATE)
@pytest.mark.parametrize("bias", [0.0, 1.0, 3.0])
def test_forget_bias_opens_the_forget_gate_and_no_other(kind, bias):
    """With the matrices shut g = 0, so c' = σ(bias)·c, whatever the input gate does; and o = ½."""
    cell = kind(I, H, forget_bias=bias)
    w, state = silent(cell.init()), cell.start(B)
    state = state._replace(c=torch.randn(B, H))
    new = cell.step(torch.randn(B, I), state, w)
    assert_same(new.c, torch.sigmoid(torch.tensor(bias)) * state.c, 1e-6)
    shown = 0.5 * torch.tanh(new.c)
    assert_same(new.h, shown @ w.r.T if hasattr(w, "r") else shown, 1e-6)


@pytest.mark.parametrize("kind", [cells.GRU, cells.ResetBeforeGRU])
@pytest.mark.parametrize("bias", [0.0, 2.0])
def test_keep_bias_keeps(kind, bias):
    cell = kind(I, H, keep_bias=bias)
    h = torch.randn(B, H)
    new = cell.step(torch.randn(B, I), cell.State(h), silent(cell.init()))
    assert_same(new.h, torch.sigmoid(torch.tensor(bias)) * h, 1e-6)


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("bias", [0.0, -2.0])
def test_transform_bias_carries(depth, bias):
    cell = cells.RecurrentHighway(I, H, depth=depth, transform_bias=bias)
    h = torch.randn(B, H)
    new = cell.step(torch.randn(B, I), cell.State(h), silent(cell.init()))
    assert_same(new.h, (1 - torch.sigmoid(torch.tensor(bias))) ** depth * h, 1e-6)


@pytest.mark.parametrize("kind", WITH_FORGET_GATE)
def test_chrono_spreads_the_forget_gate_over_the_scales_of_time(kind):
    """f = σ(log u) = u/(1 + u) with u in [1, longest − 1]: from one half to 1 − 1/longest."""
    longest, hidden = 100, 201
    cell = kind(I, hidden, chrono=longest)
    w, state = silent(cell.init()), cell.start(1)
    kept = cell.step(torch.zeros(1, I), state._replace(c=torch.ones(1, hidden)), w).c[0]
    u = kept / (1 - kept)
    assert 0.999 < u.min() < 8
    assert 92 < u.max() < 99.1
    assert u.mean().item() == pytest.approx(50, abs=8)  # uniform in u: mean (1 + 99)/2


@pytest.mark.parametrize("kind", [cells.LSTM, cells.PeepholeLSTM, cells.ProjectedLSTM])
def test_chrono_shuts_the_input_gate_as_it_opens_the_forget_gate(kind):
    i, f, g, o = kind(I, H, chrono=20).init().b.chunk(4)
    assert_same(i, -f, 0)
    assert 0 <= f.min() <= f.max() <= math.log(19)
    assert [g.abs().max(), o.abs().max()] == [0, 0]


def test_chrono_needs_three_steps():
    for longest in (1, 2):
        with pytest.raises(SettingError, match=f"at least 3, got {longest}"):
            cells.LSTM(I, H, chrono=longest).init()
    assert (init.chrono(1000, 3) <= math.log(2)).all()


def test_gate_bias_writes_only_the_gates_named():
    assert init.gate_bias(2, 3, {2: 5.0, 0: -1.0}).tolist() == [-1, -1, 0, 0, 5, 5]


@pytest.mark.parametrize("case", CELLS + USER_CELLS, ids=str)
def test_one_seed_one_start(case):
    settings = {"layers": 2, "bidirectional": True, "projection": 2}
    torch.manual_seed(5)
    first = ut.Recurrent(case.cell, **settings).state_dict()
    torch.manual_seed(5)
    again = ut.Recurrent(case.cell, **settings)
    assert list(first) == list(again.state_dict())
    assert_same(again.state_dict().values(), first.values(), 0)
    again.reset_parameters()
    drawn = [name for name, value in again.state_dict().items() if not torch.equal(value, first[name])]
    assert f"{case.cell.Weights._fields[0]}_l0" in drawn
    assert "projection_l1" in drawn
    torch.manual_seed(5)
    again.reset_parameters()
    assert_same(again.state_dict().values(), first.values(), 0)


def test_relu_with_the_identity_start_keeps_a_state_of_no_negative_part():
    """The IRNN: with no input the first gradient neither grows nor shrinks."""
    cell = cells.RNN(I, H, nonlinearity="relu", init_recurrent="identity")
    w, h = cell.init(), normal(B, H).abs().float()
    assert_same(cell.step(torch.zeros(B, I), cell.State(h), w), h, 1e-7)
