"""The cells on which every law is tried, one row a cell, and the few verbs that laws share.

Sizes are odd and differ, so that a transposed or a swapped axis fails.
Letters: T time steps, B batch rows, I input features, H hidden units.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, sigmoid, tanh
from torch.nn.functional import linear

import undertow as ut
from undertow import cells

T, B, I, H = 4, 7, 3, 5  # noqa: E741 - the letters of the head


@dataclass(frozen=True)
class PeepholeLSTM(ut.Cell):
    """A user's own, written as the contract shows it."""

    forget_bias: float = 1.0

    class State(NamedTuple):
        h: Tensor
        c: Tensor

    class Weights(NamedTuple):
        x: Tensor
        h: Tensor
        b: Tensor
        p: Tensor

    def init(self) -> Weights:
        return self.Weights(
            x=ut.init.glorot(self.hidden_size, self.input_size, gates=4),
            h=ut.init.orthogonal(self.hidden_size, gates=4),
            b=ut.init.gate_bias(self.hidden_size, 4, {1: self.forget_bias}),
            p=torch.zeros(3, self.hidden_size),
        )

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        i, f, g, o = (linear(x, w.x, w.b) + linear(state.h, w.h)).chunk(4, dim=-1)
        c = sigmoid(f + w.p[1] * state.c) * state.c + sigmoid(i + w.p[0] * state.c) * tanh(g)
        return self.State(h=sigmoid(o + w.p[2] * c) * tanh(c), c=c)


@dataclass(frozen=True)
class MinimalGatedUnit(ut.Cell):
    """One gate both forgets and resets (Zhou et al. 2016)."""

    class State(NamedTuple):
        h: Tensor

    class Weights(NamedTuple):
        x: Tensor  # [2H, I], stacked as f, n
        h: Tensor  # [2, H, H]
        b: Tensor  # [2H]

    recurrent = ("h",)

    def init(self) -> Weights:
        return self.Weights(
            x=ut.init.glorot(self.hidden_size, self.input_size, gates=2),
            h=ut.init.orthogonal(self.hidden_size, gates=2).view(2, self.hidden_size, self.hidden_size),
            b=torch.zeros(2 * self.hidden_size),
        )

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        x_f, x_n = linear(x, w.x, w.b).chunk(2, dim=-1)
        f = sigmoid(x_f + linear(state.h, w.h[0]))
        n = tanh(x_n + linear(f * state.h, w.h[1]))
        return self.State(h=(1 - f) * state.h + f * n)


@dataclass(frozen=True)
class Associative(ut.Cell):
    """A state of three fields of three shapes: what is read out, a matrix of traces, a clock a row."""

    keys: int = 2

    class State(NamedTuple):
        read: Tensor  # [B, H]
        memory: Tensor  # [B, H, keys]
        clock: Tensor  # [B, 1]

    class Weights(NamedTuple):
        value: Tensor  # [H, I]
        key: Tensor  # [keys, I + H]
        decay: Tensor  # [1]

    recurrent = ("key",)

    def start(self, batch: int) -> State:
        return self.State(
            torch.zeros(batch, self.hidden_size),
            torch.zeros(batch, self.hidden_size, self.keys),
            torch.zeros(batch, 1),
        )

    def init(self) -> Weights:
        return self.Weights(
            value=ut.init.glorot(self.hidden_size, self.input_size),
            key=ut.init.glorot(self.keys, self.input_size + self.hidden_size),
            decay=torch.zeros(1),
        )

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        key = tanh(linear(torch.cat([x, state.read], dim=-1), w.key))
        memory = sigmoid(w.decay) * state.memory + linear(x, w.value)[..., None] * key[:, None]
        clock = 0.9 * state.clock + 0.1
        read = tanh((memory * key[:, None]).sum(-1)) * (1 + 0.1 * clock)
        return self.State(read, memory, clock)


@dataclass(frozen=True)
class Scaling(ut.Cell):
    """h' = W h + x with W = factor·identity: what the gradient does is known without a computer."""

    factor: float = 0.5

    class State(NamedTuple):
        h: Tensor

    class Weights(NamedTuple):
        h: Tensor

    def init(self) -> Weights:
        return self.Weights(h=self.factor * torch.eye(self.hidden_size))

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        return self.State(h=linear(state.h, w.h) + x)


@dataclass(frozen=True)
class Copy(ut.Cell):
    """h' = x; it has no weights at all."""

    class State(NamedTuple):
        h: Tensor

    class Weights(NamedTuple):
        pass

    def init(self) -> Weights:
        return self.Weights()

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        return self.State(h=x)


@dataclass(frozen=True)
class Counter(Copy):
    """Two fields, each one more at every step: what was held is what is missing at the end."""

    class State(NamedTuple):
        fast: Tensor
        slow: Tensor

    def step(self, x: Tensor, state: State, w: Any) -> State:
        return self.State(fast=state.fast + 1, slow=state.slow + 1)


@dataclass(frozen=True)
class Case:
    """A cell, and fresh random float64 values for whatever a law needs."""

    name: str
    cell: ut.Cell

    def __str__(self) -> str:
        return self.name

    def weights(self, scale: float = 0.5) -> Any:
        """Random in every field, those that start as zeros included."""
        return self.cell.Weights(*(normal(*w.shape) * scale for w in self.cell.init()))

    def state(self, batch: int = B) -> Any:
        return self.cell.State(*(normal(*s.shape) for s in self.cell.start(batch)))

    def module(self, **settings: Any) -> ut.Recurrent:
        return randomised(ut.Recurrent(self.cell, **settings))


CELLS = [
    Case("rnn_tanh", cells.RNN(I, H)),
    Case("rnn_relu", cells.RNN(I, H, nonlinearity="relu", init_recurrent="identity")),
    Case("lstm", cells.LSTM(I, H)),
    Case("lstm_chrono", cells.LSTM(I, H, chrono=50)),
    Case("peephole_lstm", cells.PeepholeLSTM(I, H)),
    Case("coupled_lstm", cells.CoupledLSTM(I, H)),
    Case("projected_lstm", cells.ProjectedLSTM(I, H, projection=2)),
    Case("gru", cells.GRU(I, H, keep_bias=1.0)),
    Case("reset_before_gru", cells.ResetBeforeGRU(I, H)),
    Case("residual_rnn", cells.ResidualRNN(I, H)),
    Case("minimal_gated_unit", cells.MinimalGatedUnit(I, H)),
    Case("ind_rnn", cells.IndRNN(I, H)),
    Case("min_gru", cells.MinGRU(I, H)),
    Case("min_lstm", cells.MinLSTM(I, H)),
    Case("layer_norm_lstm", cells.LayerNormLSTM(I, H)),
    Case("highway_depth_1", cells.RecurrentHighway(I, H, depth=1)),
    Case("highway_depth_3", cells.RecurrentHighway(I, H, depth=3)),
]

USER_CELLS = [
    Case("user_peephole", PeepholeLSTM(I, H)),
    Case("user_minimal_gated", MinimalGatedUnit(I, H)),
    Case("user_associative", Associative(I, H)),
]


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64)


def randomised(module: Any, scale: float = 0.5) -> Any:
    """In float64, every parameter normal of this spread, so that no bias or peephole is left at zero."""
    module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0, scale)
    return module


def leaves(*things: Any) -> Iterator[Tensor]:
    """The tensors in tuples in tuples, in order."""
    for thing in things:
        if isinstance(thing, Tensor):
            yield thing
        elif thing is not None:
            yield from leaves(*thing)


def needing_gradient(*things: Any) -> list[Tensor]:
    return [tensor.requires_grad_() for tensor in leaves(*things)]


def pull(tensors: Iterable[Tensor]) -> list[Tensor]:
    """A fixed random direction for every output: projected on it, no two elements can swap unnoticed."""
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(t.shape, dtype=t.dtype, generator=generator) for t in tensors]


def gradients(outputs: Iterable[Tensor], inputs: Sequence[Tensor], along: Any = None) -> list[Tensor]:
    """The gradients of the outputs projected on `along`; zeros where nothing reaches."""
    outputs = list(outputs)
    along = pull(outputs) if along is None else along
    loss = torch.stack([(o * a).sum() for o, a in zip(outputs, along, strict=True)]).sum()
    found = torch.autograd.grad(loss, inputs, allow_unused=True)
    return [torch.zeros_like(i) if f is None else f for i, f in zip(inputs, found, strict=True)]


def assert_same(got: Any, wanted: Any, tolerance: float = 1e-10) -> None:
    """Equal tensor by tensor, in number, shape, dtype and, to `tolerance`, in value."""
    got, wanted = list(leaves(got)), list(leaves(wanted))
    torch.testing.assert_close(got, wanted, rtol=tolerance, atol=tolerance)
