"""Cells under `Recurrent` against onnxruntime's LSTM and GRU nodes: gates, peepholes, coupling, clipping, lengths.

float32. onnxruntime 1.31 keeps the standard in all that is asked here: `input_forget=1` is f = 1 − i with the rows
of f unread, and `clip` bounds the gates' pre-activations, peephole terms included, but not the memory inside tanh(c').
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, sigmoid, tanh
from torch.nn.functional import linear

import undertow as ut
from cases import B, Case, H, I, PeepholeLSTM, assert_same, normal
from oracles import onnx_coupled, onnx_gru, onnx_lstm, onnx_run
from undertow import cells

STEPS, TOLERANCE = 6, 1e-5


@dataclass(frozen=True)
class Row:
    """A cell, the node that must agree with it, and how its weights are written there."""

    name: str
    cell: ut.Cell
    node: str
    layout: Any
    settings: dict[str, Any]

    def __str__(self) -> str:
        return self.name


ROWS = [
    Row("lstm", cells.LSTM(I, H), "LSTM", onnx_lstm, {}),
    Row("peephole_lstm", cells.PeepholeLSTM(I, H), "LSTM", onnx_lstm, {}),
    Row("user_peephole", PeepholeLSTM(I, H), "LSTM", onnx_lstm, {}),
    Row("coupled_lstm", cells.CoupledLSTM(I, H), "LSTM", onnx_coupled, {"input_forget": 1}),
    Row("gru", cells.GRU(I, H), "GRU", onnx_gru, {"linear_before_reset": 1}),
    Row("reset_before_gru", cells.ResetBeforeGRU(I, H), "GRU", onnx_gru, {"linear_before_reset": 0}),
]


def agree(row: Row, *, bidirectional: bool = False, lengths: Tensor | None = None) -> None:
    layer = Case(row.name, row.cell).module(bidirectional=bidirectional).float()
    count = 2 if bidirectional else 1
    x = normal(STEPS, B, I).float()
    start = [row.cell.State(*(torch.randn_like(s) for s in row.cell.start(B))) for _ in range(count)]
    with torch.no_grad():
        y, last = layer(x, start=start, lengths=lengths)
    weights = [row.layout(layer.weights(number)) for number in range(count)]
    wanted, *finals = onnx_run(row.node, weights, x, start, lengths, **row.settings)
    assert_same(y, wanted, TOLERANCE)
    assert_same([torch.stack(field) for field in zip(*last, strict=True)], finals, TOLERANCE)


@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "bidirectional"])
def test_cell_agrees(row, bidirectional):
    agree(row, bidirectional=bidirectional)


@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "bidirectional"])
def test_lengths_are_sequence_lens(row, bidirectional):
    agree(row, bidirectional=bidirectional, lengths=torch.tensor([3, 6, 1, 5, 2, 6, 4]))


def test_coupling_agrees_only_with_the_gate_negated():
    """Without it i = 1 − f is read as f = 1 − i, and the answers part."""
    row = ROWS[3]
    layer = Case(row.name, row.cell).module().float()
    w, x = layer.weights(0), normal(STEPS, B, I).float()
    start = [row.cell.start(B)]
    as_it_is = onnx_coupled(type(w)(*(torch.cat([-part[:H], part[H:]]) for part in w)))
    with torch.no_grad():
        y, _ = layer(x)
    assert (y - onnx_run("LSTM", [as_it_is], x, start, None, input_forget=1)[0]).abs().max() > 0.01


@dataclass(frozen=True)
class ClippedLSTM(cells.LSTM):
    """A user's cell: ours, with its pre-activations held in ±clip."""

    clip: float = 0.5

    def step(self, x: Tensor, state: Any, w: Any) -> Any:
        z = linear(x, w.x, w.b) + linear(state.h, w.h)
        i, f, g, o = z.clamp(-self.clip, self.clip).chunk(4, dim=-1)
        c = sigmoid(f) * state.c + sigmoid(i) * tanh(g)
        return self.State(h=sigmoid(o) * tanh(c), c=c)


@dataclass(frozen=True)
class ClippedPeephole(cells.PeepholeLSTM):
    """The same with peepholes, which count among what is clipped."""

    clip: float = 0.5

    def step(self, x: Tensor, state: Any, w: Any) -> Any:
        i, f, g, o = (linear(x, w.x, w.b) + linear(state.h, w.h)).chunk(4, dim=-1)
        i, f, g = (self.held(z) for z in (i + w.p[0] * state.c, f + w.p[1] * state.c, g))
        c = sigmoid(f) * state.c + sigmoid(i) * tanh(g)
        return self.State(h=sigmoid(self.held(o + w.p[2] * c)) * tanh(c), c=c)

    def held(self, z: Tensor) -> Tensor:
        return z.clamp(-self.clip, self.clip)


@dataclass(frozen=True)
class ClippedGRU(cells.GRU):
    clip: float = 0.5

    def step(self, x: Tensor, state: Any, w: Any) -> Any:
        x_r, x_z, x_n = linear(x, w.x, w.b).chunk(3, dim=-1)
        h_r, h_z, h_n = linear(state.h, w.h).chunk(3, dim=-1)
        r, z = (sigmoid(v.clamp(-self.clip, self.clip)) for v in (x_r + h_r, x_z + h_z))
        n = tanh((x_n + r * (h_n + w.q)).clamp(-self.clip, self.clip))
        return self.State(h=(1 - z) * n + z * state.h)


@dataclass(frozen=True)
class ClippedResetBeforeGRU(cells.ResetBeforeGRU):
    """Written another way round: its own State, the gates' matrix by slices."""

    clip: float = 0.5

    class State(NamedTuple):
        memory: Tensor

    def step(self, x: Tensor, state: Any, w: Any) -> Any:
        h, two = state.memory, 2 * self.hidden_size
        from_x = linear(x, w.x, w.b)
        gates = from_x[:, :two] + linear(h, w.h[:two])
        r, z = sigmoid(gates.clamp(-self.clip, self.clip)).chunk(2, dim=-1)
        n = tanh((from_x[:, two:] + linear(r * h, w.h[two:])).clamp(-self.clip, self.clip))
        return self.State(n + z * (h - n))


CLIPPED = {"lstm": ClippedLSTM, "peephole_lstm": ClippedPeephole, "gru": ClippedGRU}
CLIPPED["reset_before_gru"] = ClippedResetBeforeGRU


@pytest.mark.parametrize("row", [row for row in ROWS if row.name in CLIPPED], ids=str)
@pytest.mark.parametrize("clip", [0.3, 1.0])
def test_a_users_clipped_cell_agrees_with_the_clip_attribute(row, clip):
    own = CLIPPED[row.name](I, H, clip=clip)
    agree(replace(row, cell=own, settings={**row.settings, "clip": clip}), bidirectional=True)
