"""A stack of cells over one batch: what `Recurrent` and the torch-like modules share.

Pure: weights, start states and lengths come in, outputs and states go out.
Axes: T time steps, B batch rows, D directions. Cells are ordered layer by layer, forward before backward.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from undertow.cells.cell import Cell
from undertow.compiler.engine import walk
from undertow.recurrent.dropout import dropout
from undertow.recurrent.weight_drop import thinned
from undertow.unroll.chain import Course, chain
from undertow.unroll.gauges import blank
from undertow.unroll.steps import alive


@dataclass(frozen=True)
class Stack:
    """Which cells run, how they are joined, and how much is dropped."""

    cells: tuple[Cell, ...]
    directions: int = 1
    dropout: float = 0.0  # on what goes from one layer to the next
    variational: float = 0.0  # one mask for all steps, on input and state (Gal & Ghahramani 2016)
    weight_drop: float = 0.0  # on the weights that multiply the state (Merity et al. 2018)
    zoneout: tuple[float, ...] = ()  # a probability a field of the state (Krueger et al. 2017)
    engine: str = "auto"

    @property
    def layers(self) -> int:
        return len(self.cells) // self.directions


@dataclass(frozen=True)
class Passage:
    """One cell's walk over one batch, kept for those who study its gradients."""

    cell: Cell
    weights: Any
    x: Tensor  # [T, B, I], as the cell saw it
    start: Any
    states: Any  # [T, B, ·] a field
    taps: tuple[Tensor, ...]  # their gradient is ∂L/∂state at every step
    course: Course
    layer: int = 0
    direction: int = 0
    module: str = ""  # the layer's name within a model that is watched


Watcher = Callable[[Passage], None]
Dropper = Callable[[Tensor, float], Tensor]


@dataclass(frozen=True)
class Outcome:
    """What a stack gives back."""

    y: Tensor  # [T, B, D·H] of the top layer; zero past each row's end
    last: tuple[Any, ...]  # a State per layer and direction
    states: tuple[Any, ...]  # the State of every step, per layer and direction


@dataclass(frozen=True)
class Call:
    """One call's own arguments."""

    start: Sequence[Any]
    lengths: Tensor | None = None
    training: bool = False
    passages: list[Passage] | None = None  # filled when somebody listens
    watcher: Watcher | None = None  # told of every walk, whose course has gauges and no taps
    drop: Dropper = dropout


def run(
    stack: Stack, weights: Sequence[Any], projections: Sequence[Tensor | None], x: Tensor, call: Call
) -> Outcome:
    """Walk the batch through every layer and direction."""
    last: list[Any] = []
    kept: list[Any] = []
    y = _silence(x, call.lengths)  # what padding holds, NaN included, must not reach a gradient through 0·NaN
    for layer in range(stack.layers):
        outputs = []
        for direction in range(stack.directions):
            number = layer * stack.directions + direction
            states, final = _walk(stack, number, weights[number], y, call)
            outputs.append(states[0])
            kept.append(states)
            last.append(final)
        y = outputs[0] if stack.directions == 1 else torch.cat(outputs, dim=-1)
        projection = projections[layer]
        if projection is not None:
            y = functional.linear(y, projection)
        if layer + 1 < stack.layers and call.training and stack.dropout:
            y = call.drop(y, stack.dropout)
    return Outcome(_silence(y, call.lengths), tuple(last), tuple(kept))


def _walk(stack: Stack, number: int, weights: Any, x: Tensor, call: Call) -> tuple[Any, Any]:
    cell, start = stack.cells[number], call.start[number]
    course = _course(stack, start, x, call, reverse=bool(number % stack.directions))
    if stack.weight_drop and call.training:
        weights = thinned(cell, weights, stack.weight_drop)
    watched = call.watcher is not None and torch.is_grad_enabled()
    if watched:
        course = replace(course, gauges=blank(x, start))
    if call.passages is not None:
        taps = tuple(s.new_zeros(x.shape[0], *s.shape).requires_grad_() for s in start)
        course = replace(course, taps=taps)
        states, final = chain(cell, x, start, weights, course)
        call.passages.append(Passage(cell, weights, x, start, states, taps, course))
    else:
        states, final = walk(stack.engine, cell, x, start, weights, course)
    if watched and call.watcher is not None:
        place = divmod(number, stack.directions)
        call.watcher(Passage(cell, weights, x, start, states, (), course, *place))
    return states, final


def _course(stack: Stack, start: Any, x: Tensor, call: Call, *, reverse: bool) -> Course:
    input_mask = state_mask = zoneout = None
    if stack.variational and call.training:
        input_mask = functional.dropout(torch.ones_like(x[0]), stack.variational)
        state_mask = functional.dropout(torch.ones_like(start[0]), stack.variational)
    if any(stack.zoneout):
        zoneout = tuple(
            _zones(state, share, x.shape[0], call.training)
            for state, share in zip(start, stack.zoneout, strict=True)
        )
    return Course(call.lengths, reverse, input_mask, state_mask, zoneout)


def _zones(state: Tensor, share: float, steps: int, training: bool) -> Tensor:
    zone = state.new_full((steps, *state.shape), share)
    return torch.bernoulli(zone) if training else zone


def _silence(y: Tensor, lengths: Tensor | None) -> Tensor:
    """Zero what lies past each row's end, as torch's packed sequences do."""
    if lengths is None:
        return y
    return torch.where(alive(y.shape[0], lengths)[..., None], y, y.new_zeros(()))
