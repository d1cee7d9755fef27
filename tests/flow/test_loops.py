"""Loops over cells are recognised, and measured as autograd gives them."""

import math

import pytest
import torch
from torch import nn

import undertow as ut
from undertow import flow


class Looped(nn.Module):
    """A loop over one cell, as many write it; a readout of every step that is no loop."""

    def __init__(self, cell):
        super().__init__()
        self.cell, self.readout = cell, nn.Linear(cell.hidden_size, 2)
        self.drop = nn.Dropout(0.1)

    def forward(self, x):
        state, scores = None, []
        for x_t in x:
            state = self.cell(x_t, state)
            h = state[0] if isinstance(state, tuple) else state
            scores.append(self.readout(self.drop(h)))
        return torch.stack(scores)


class OneStep(nn.Module):
    """The whole model is one step, called by the script; its state goes through a layer before it is read again."""

    def __init__(self):
        super().__init__()
        self.inward, self.onward, self.out = nn.Linear(3, 5), nn.Linear(5, 5), nn.Linear(5, 2)

    def forward(self, x, h):
        h = torch.tanh(self.inward(x) + self.onward(h))
        return self.out(h), h


def watched(model, run):
    """The record of one step, and ∂L/∂h of every call by autograd."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    with ut.watch(model, every=1) as seen:
        run()
        optimizer.step()
    return seen.records[0]


@pytest.mark.parametrize("kind", [nn.RNNCell, nn.GRUCell, nn.LSTMCell])
def test_a_loop_over_a_cell_is_measured_as_a_layer_is(kind):
    model, x = Looped(kind(3, 5)), torch.randn(9, 4, 3)
    model.drop.p = 0.0
    layer = {nn.RNNCell: nn.RNN, nn.GRUCell: nn.GRU, nn.LSTMCell: nn.LSTM}[kind](3, 5)
    with torch.no_grad():
        for (_, ours), (_, theirs) in zip(
            layer.named_parameters(), model.cell.named_parameters(), strict=True
        ):
            ours.copy_(theirs)
    whole = nn.Sequential(layer)
    record = watched(model, lambda: model(x)[-1].sum().backward())
    by_layer = watched(whole, lambda: model.readout(whole(x)[0][-1]).sum().backward())
    (walk,), (other,) = record.time, by_layer.time
    assert (walk.module, walk.source, walk.steps, walk.batch) == ("cell", "calls", 9, 4)
    assert set(walk.gradient) == set(other.gradient)
    assert walk.state["h"] == pytest.approx(other.state["h"], rel=1e-5)
    assert walk.gradient["h"] == pytest.approx(other.gradient["h"], rel=1e-4)


def test_a_model_that_is_one_step_is_a_loop():
    model, x, h = OneStep(), torch.randn(6, 4, 3), torch.zeros(4, 5)
    states = []

    def run():
        state = h
        for x_t in x:
            y, state = model(x_t, state)
            state.retain_grad()
            states.append(state)
        y.square().sum().backward()

    (walk,) = watched(model, run).time
    assert (walk.module, walk.cell, walk.steps) == ("", "one_step", 6)
    assert walk.gradient["h"] == pytest.approx([float(s.grad.norm()) for s in states], rel=1e-5)


def test_layers_in_depth_and_shared_activations_are_no_loop():
    act = nn.ReLU()
    model = nn.Sequential(*[part for _ in range(5) for part in (nn.Linear(4, 4), act)])
    record = watched(model, lambda: model(torch.randn(3, 4)).sum().backward())
    assert record.time == ()


def test_parallel_calls_are_no_loop():
    class Towers(nn.Module):
        def __init__(self):
            super().__init__()
            self.tower = nn.Linear(4, 4)

        def forward(self, x):
            return sum(self.tower(part) for part in x)

    model = Towers()
    assert watched(model, lambda: model(torch.randn(5, 3, 4)).sum().backward()).time == ()


@pytest.mark.parametrize("kind", [nn.RNNCell, nn.GRUCell, nn.LSTMCell])
def test_horizon_and_jacobian_of_a_loop_are_those_of_the_layer(kind):
    model, x = Looped(kind(3, 5)).double(), torch.randn(12, 4, 3, dtype=torch.float64)
    layer = {nn.RNNCell: nn.RNN, nn.GRUCell: nn.GRU, nn.LSTMCell: nn.LSTM}[kind](3, 5).double()
    with torch.no_grad():
        for (_, ours), (_, theirs) in zip(
            layer.named_parameters(), model.cell.named_parameters(), strict=True
        ):
            ours.copy_(theirs)
    model.eval()
    (by_loop,), (by_layer,) = flow.horizon(model, x, probes=200), flow.horizon(layer, x, probes=200)
    assert by_loop.gain == pytest.approx(by_layer.gain, rel=0.2)
    (by_loop,), (by_layer,) = flow.jacobian(model, x, row=2), flow.jacobian(layer, x, row=2)
    assert by_loop.norm == pytest.approx(by_layer.norm[1:], rel=1e-9)
    assert by_loop.radius == pytest.approx(by_layer.radius[1:], rel=1e-6)
    assert by_loop.truth == pytest.approx(by_layer.truth[: len(by_loop.truth)], rel=1e-9)
    if kind is nn.RNNCell:
        assert by_loop.weights == pytest.approx(by_layer.weights[: len(by_loop.weights)], rel=1e-9)
    (one,), (other,) = flow.lyapunov(model, x), flow.lyapunov(layer, x, settle=1)
    assert len(one.exponents) == len(other.exponents)
    assert all(math.isfinite(e) for e in one.exponents)
