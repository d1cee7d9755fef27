"""torch.nn's own layers, and ours that stand in for them: the same weights, the same gradients by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

import undertow as ut
from undertow import cells
from undertow.bench.problem import Problem, Results, Side, leaves_of, side
from undertow.cells.cell import Cell
from undertow.recurrent.recurrent import Recurrent

TORCH: dict[type[Cell], Any] = {cells.LSTM: nn.LSTM, cells.GRU: nn.GRU, cells.RNN: nn.RNN}
TORCH_LIKE: dict[type[Cell], Any] = {cells.LSTM: ut.LSTM, cells.GRU: ut.GRU, cells.RNN: ut.RNN}


def kernel(problem: Problem) -> Side:
    """Ours: a Recurrent that walks by kernel or not at all."""
    layer = with_kernel(problem)
    leaves = leaves_of(problem, layer.weights(0))
    return side(lambda: layer(problem.x, problem.start)[0], leaves, problem.along)


def with_kernel(problem: Problem) -> Recurrent:
    """A Recurrent with the problem's weights."""
    layer = Recurrent(problem.cell, engine="numba")
    with torch.no_grad():
        for own, given in zip(layer.weights(0), problem.weights, strict=True):
            own.copy_(given)
    return layer


def torch_layer(problem: Problem) -> Side:
    """torch.nn's layer of the same cell."""
    module = Module(problem, TORCH)
    return module.side(lambda hx: module.layer(problem.x, hx)[0], problem.x, problem.along)


class Module:
    """A module with torch.nn's parameters, and the problem's weights in it; a start state as torch.nn wants it."""

    def __init__(self, problem: Problem, kinds: dict[type[Cell], Any]) -> None:
        cell, weights = problem.cell, problem.weights
        self.layer: Any = kinds[type(cell)](cell.input_size, cell.hidden_size)
        self.own_bias = isinstance(cell, cells.GRU)  # of the recurrent product's candidate
        self.start = [s.detach()[None].clone().requires_grad_() for s in problem.start]
        self.fields = problem.cell.State._fields
        with torch.no_grad():
            self.layer.weight_ih_l0.copy_(weights.x)
            self.layer.weight_hh_l0.copy_(weights.h)
            self.layer.bias_ih_l0.copy_(weights.b)
            self.layer.bias_hh_l0.zero_()
            if self.own_bias:
                self.layer.bias_hh_l0[2 * cell.hidden_size :] = weights.q

    def side(self, forward: Callable[[Any], Tensor], x: Tensor, along: Tensor) -> Side:
        """A side whose gradients carry the cell's names; forward takes the start state and gives y."""
        hx = tuple(self.start) if len(self.start) > 1 else self.start[0]
        plain = side(lambda: forward(hx), self._leaves(x), along)
        return Side(plain.infer, plain.train, lambda: self._renamed(plain.results()))

    def _leaves(self, x: Tensor) -> dict[str, Tensor]:
        layer = self.layer
        starts = {f"dstart.{name}": start for name, start in zip(self.fields, self.start, strict=True)}
        weights = {"dw.x": layer.weight_ih_l0, "dw.h": layer.weight_hh_l0, "dw.b": layer.bias_ih_l0}
        return {"dx": x, **starts, **weights, "second bias": layer.bias_hh_l0}

    def _renamed(self, found: Results) -> Results:
        second = found.pop("second bias")
        own = {"dw.q": second[2 * self.layer.hidden_size :]} if self.own_bias else {}
        starts = {name: found[name][0] for name in found if name.startswith("dstart.")}
        return {**found, **starts, **own}


def packed_input(problem: Problem) -> PackedSequence:
    """The problem's x as torch packs it, rows in any order; its data is a leaf."""
    packed = _packed(problem, problem.x.detach())
    return PackedSequence(
        packed.data.clone().requires_grad_(),
        packed.batch_sizes,
        packed.sorted_indices,
        packed.unsorted_indices,
    )


def packed_along(problem: Problem) -> Tensor:
    """∂L/∂y, packed as x is."""
    return _packed(problem, problem.along).data


def torch_packed(problem: Problem, kinds: dict[type[Cell], Any] = TORCH) -> Side:
    """A layer with torch.nn's signature, PackedSequence in and out."""
    module, packed = Module(problem, kinds), packed_input(problem)
    return module.side(lambda hx: module.layer(packed, hx)[0].data, packed.data, packed_along(problem))


def torch_padded(problem: Problem) -> Side:
    """torch.nn's layer from padded rows to padded rows: packed, walked, padded again."""
    module, steps = Module(problem, TORCH), problem.shape.steps

    def forward(hx: Any) -> Tensor:
        return pad_packed_sequence(module.layer(_packed(problem, problem.x), hx)[0], total_length=steps)[0]

    return module.side(forward, problem.x, problem.along)


def kernel_packed(problem: Problem) -> Side:
    """Ours, PackedSequence in and out."""
    layer, packed = with_kernel(problem), packed_input(problem)
    leaves = {**leaves_of(problem, layer.weights(0)), "dx": packed.data}
    return side(lambda: layer(packed, problem.start)[0].data, leaves, packed_along(problem))


def kernel_padded(problem: Problem) -> Side:
    """Ours from padded rows to padded rows, given the lengths."""
    layer = with_kernel(problem)
    leaves = leaves_of(problem, layer.weights(0))
    return side(lambda: layer(problem.x, problem.start, problem.lengths)[0], leaves, problem.along)


def _packed(problem: Problem, sequence: Tensor) -> PackedSequence:
    assert problem.lengths is not None
    return pack_padded_sequence(sequence, problem.lengths, enforce_sorted=False)
