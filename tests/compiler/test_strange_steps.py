"""Steps and calls that once gave other numbers by kernel than by the eager loop, or none at all."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch.nn.functional import linear

import undertow as ut
from undertow import cells
from undertow.compiler.function import fused
from undertow.compiler.graph import NoRowError
from undertow.errors import SettingError
from undertow.unroll.chain import Course, chain


class OneState(NamedTuple):
    h: Tensor


class Biased(NamedTuple):
    x: Tensor
    h: Tensor
    bx: Tensor
    bh: Tensor


@dataclass(frozen=True)
class Step(ut.Cell):
    """h' = f(x, h, weights), f one of those below."""

    which: str = ""

    State, Weights = OneState, Biased

    def init(self) -> Any:
        h = self.hidden_size
        return Biased(
            torch.randn(h, self.input_size), torch.randn(h, h) / h**0.5, torch.zeros(h), torch.zeros(h)
        )

    def step(self, x: Tensor, state: OneState, w: Biased) -> OneState:
        return OneState(STEPS[self.which](x, state.h, w))


STEPS = {
    "two biases": lambda x, h, w: torch.tanh(linear(x, w.x, w.bx) + linear(h, w.h, w.bh)),
    "truths added": lambda x, h, w: (
        torch.tanh(linear(x, w.x, w.bx)) * ((h > 0.1) + (h > 0.3)).to(h.dtype) + h * 0.5 * w.bh
    ),
    "sign of a product": lambda x, h, w: torch.sign(linear(x, w.x, w.bx) + linear(h, w.h)) * 0.5 + w.bh,
    "round of a mean": lambda x, h, w: (
        torch.round(h + h.mean(-1, keepdim=True)) + linear(x, w.x, w.bx) + w.bh
    ),
    "sum of ones": lambda x, h, w: h / torch.ones_like(h).sum(-1, keepdim=True) + linear(x, w.x, w.bx) + w.bh,
    "largest of a row": lambda x, h, w: (
        torch.tanh(h * w.bh + linear(x, w.x, w.bx) * h).amax(-1, keepdim=True) * h
        + linear(x, w.x, w.bx)
        + w.bh
    ),
    "shares of a row": lambda x, h, w: (
        torch.softmax(h * h * w.bh + linear(x, w.x, w.bx) * h, -1) + linear(x, w.x) * 0.1
    ),
    "divided by nothing": lambda x, h, w: torch.tanh(
        torch.div(h, 0.0 * w.bh.abs(), rounding_mode="floor") + linear(x, w.x, w.bx)
    ),
    "divided by the number 0": lambda x, h, w: torch.tanh(
        torch.div(h, 0.0, rounding_mode="floor") + linear(x, w.x, w.bx) + w.bh
    ),
    "roll by all": lambda x, h, w: torch.tanh(torch.roll(h, h.shape[-1], -1) + linear(x, w.x, w.bx)) + w.bh,
}


def walked(by, cell, steps=4, batch=3):
    torch.manual_seed(3)
    x = torch.randn(steps, batch, cell.input_size, dtype=torch.float64).requires_grad_()
    start = OneState(torch.randn(batch, cell.hidden_size, dtype=torch.float64).requires_grad_())
    w = Biased(*(torch.randn(t.shape, dtype=torch.float64).requires_grad_() for t in cell.init()))
    states, last = by(cell, x, start, w, Course())
    loss = (states.h * torch.randn(states.h.shape, dtype=torch.float64)).sum() + last.h.sum()
    return [states.h, *torch.autograd.grad(loss, [x, *start, *w], allow_unused=True, materialize_grads=True)]


@pytest.mark.parametrize("which", list(STEPS))
def test_by_kernel_as_by_the_loop(which):
    cell = Step(5, 7, which=which)
    for ours, theirs in zip(walked(fused, cell), walked(chain, cell), strict=True):
        assert (ours - theirs).abs().max() < 1e-10


def test_two_biases_have_gradients_of_their_own():
    layer = ut.Recurrent(Step(5, 7, which="two biases"), engine="numba")
    layer(torch.randn(4, 3, 5))[0].sum().backward()
    assert layer.bx_l0.grad.data_ptr() != layer.bh_l0.grad.data_ptr()
    layer.bx_l0.grad.zero_()
    assert layer.bh_l0.grad.abs().sum() > 0


@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_under_autocast_a_walk_keeps_its_dtype(engine):
    layer = ut.Recurrent(cells.LSTM(16, 32), engine=engine)
    x = torch.randn(6, 40, 16)
    wanted = layer(x)[0]
    with torch.autocast("cpu", torch.bfloat16):
        y, _ = layer(x)
        again, _ = layer(x.bfloat16())
    assert y.dtype == again.dtype == torch.float32
    assert torch.allclose(y, wanted, atol=1e-6)
    assert torch.allclose(again, wanted, atol=0.05)


def test_the_first_call_under_autocast_compiles_the_same_kernel():
    cell = Step(5, 9, which="two biases")
    layer, x = ut.Recurrent(cell, engine="numba"), torch.randn(4, 3, 5)
    with torch.autocast("cpu", torch.bfloat16):
        first = layer(x)[0]
    assert torch.equal(first, layer(x)[0])


@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_second_gradients_through_a_start_state_count_once(engine):
    torch.manual_seed(0)
    layer = ut.Recurrent(cells.RNN(3, 4), engine=engine).double()
    a, b = torch.randn(3, 2, 3, dtype=torch.float64), torch.randn(4, 2, 3, dtype=torch.float64)

    def loss():
        _, state = layer(a)
        return layer(b, state)[0].square().sum()

    weights = list(layer.parameters())
    plain = torch.autograd.grad(loss(), weights)
    twice = torch.autograd.grad(loss(), weights, create_graph=True)
    for one, other in zip(plain, twice, strict=True):
        assert torch.allclose(one, other)


def test_tied_weights_have_one_gradient():
    torch.manual_seed(0)
    cell = cells.RNN(4, 4)
    x, start = torch.randn(5, 2, 4, dtype=torch.float64), cell.State(torch.zeros(2, 4, dtype=torch.float64))
    matrix = torch.randn(4, 4, dtype=torch.float64).requires_grad_()
    weights = type(cell.init())(matrix, matrix, torch.zeros(4, dtype=torch.float64))
    found = []
    for by in (fused, chain):
        for twice in (False, True):
            states, _ = by(cell, x, start, weights, Course())
            found.append(torch.autograd.grad(states.h.sum(), matrix, create_graph=twice)[0])
    assert all(torch.allclose(f, found[-1]) for f in found)


def test_the_first_call_without_gradients_for_good_trains_afterwards():
    layer, x = ut.Recurrent(Step(5, 6, which="two biases"), engine="numba"), torch.randn(4, 3, 5)
    with torch.inference_mode():
        seen = layer(x)[0].clone()
    y = layer(x)[0]
    y.sum().backward()
    assert torch.allclose(seen, y)
    assert all(p.grad.abs().sum() > 0 for p in layer.parameters())


class Surrogate(torch.autograd.Function):
    """A step function whose gradient is a bump, as spiking networks have it."""

    @staticmethod
    def forward(ctx, v):
        ctx.save_for_backward(v)
        return (v > 0).to(v.dtype)

    @staticmethod
    def backward(ctx, g):
        (v,) = ctx.saved_tensors
        return g / (1 + v.abs()) ** 2


def _without_gradient(x, h, w):
    with torch.no_grad():
        size = h.abs().amax(-1, keepdim=True) + 1
    return linear(x, w.x, w.bx) + h / size + w.bh


LOST = {
    "a custom gradient": lambda x, h, w: (
        Surrogate.apply(linear(x, w.x, w.bx) + linear(h, w.h)) + 0.5 * h + w.bh
    ),
    "a custom gradient of x": lambda x, h, w: Surrogate.apply(linear(x, w.x, w.bx)) + 0.5 * h + w.bh,
    "a block without gradients": _without_gradient,
    "x over its rows": lambda x, h, w: linear(x - x.mean(0), w.x, w.bx) + 0.5 * h + w.bh,
    "the batch's size": lambda x, h, w: linear(x, w.x, w.bx) + h / len(h) + w.bh,
    "x by the batch's size": lambda x, h, w: linear(x / len(x), w.x, w.bx) + 0.5 * h + w.bh,
}


@pytest.mark.parametrize("which", list(LOST))
def test_what_a_trace_would_lose_runs_on_the_loop(which, monkeypatch):
    monkeypatch.setitem(STEPS, which, LOST[which])
    cell = Step(5, 7, which=which)
    with pytest.raises(NoRowError, match=r"is not that of the step itself|over the batch|rows"):
        walked(fused, cell)
    with pytest.raises(SettingError, match="has no kernel"):
        ut.Recurrent(cell, engine="numba")(torch.randn(4, 3, 5))
