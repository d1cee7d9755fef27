"""Time: what every walk over a sequence shows of itself, once its gradient has come back.

‖∂L/∂state_t‖ comes from the backward walk itself, which holds it anyway. Gates are seen by one call of the cell's step
on a few rows, all steps at once, for the states between which it steps are known by then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from undertow.cells.catalog import snake
from undertow.cells.cell import Cell
from undertow.flow.gains import few_rows, squared_gains
from undertow.flow.records import Time
from undertow.recurrent import torch_like
from undertow.recurrent.recurrent import Recurrent
from undertow.recurrent.stack import Passage
from undertow.unroll.gauges import filled, squares
from undertow.unroll.steps import alive, before

ROWS = 4  # of a batch, whose gains are looked at
GATED = 2  # of these, whose gates are looked at
OPENERS = frozenset(
    {torch.sigmoid, Tensor.sigmoid, torch.special.expit, nn.functional.sigmoid, Tensor.sigmoid_}
)


@dataclass(frozen=True)
class Seen:
    """What is kept of a walk until its gradient has come: little, for it would else outlive its part of backward."""

    some: Passage  # a few rows, without their graph
    shape: tuple[int, int]  # steps and rows of all
    within: Tensor  # [T, B]: does the step lie within the row?
    gauges: tuple[Tensor, ...]  # [T, B] a field, filled by backward
    norms: tuple[Tensor, ...]  # [T] a field: length of the states of each step


def seen_of(passage: Passage, rows: int = ROWS) -> Seen:
    """Of a walk that has gauges; so many rows of its batch are kept."""
    steps, batch = passage.x.shape[:2]
    lengths = passage.course.lengths
    within = passage.x.new_ones(steps, batch).bool() if lengths is None else alive(steps, lengths)
    assert passage.course.gauges is not None, "a watched walk has gauges"
    with torch.no_grad():
        norms = tuple(_lengths(s.detach(), None if lengths is None else within) for s in passage.states)
        return Seen(few_rows(passage, rows), (steps, batch), within, passage.course.gauges, norms)


@dataclass
class Walks:
    """Watches every recurrent layer of one model through one step."""

    layers: dict[nn.Module, str]
    keep: Callable[[Passage], Any] = seen_of  # what is kept of a walk
    seen: list[Any] = field(default_factory=list)
    others: dict[nn.Module, Any] = field(default_factory=dict)  # whom a layer told before

    def listen(self) -> None:
        """Let every layer tell of its walks, besides whom it tells already."""
        for layer, name in self.layers.items():
            self.others[layer] = layer.watcher
            layer.watcher = self._told(name, layer.watcher)

    def forget(self) -> None:
        """Let go of all that was seen."""
        self.seen = []

    def leave(self) -> None:
        """Let them tell whom they told before."""
        for layer, other in self.others.items():
            layer.watcher = other
        self.others = {}

    def _told(self, name: str, other: Any) -> Any:
        def tell(passage: Passage) -> None:
            self.seen.append(self.keep(replace(passage, module=name)))
            if other is not None:
                other(passage)

        return tell

    def times(self, gains: bool) -> tuple[Time, ...]:
        """What was seen, with what its end feels of the past if asked; a walk that no gradient reached is left out."""
        return tuple(time_of(one, gains) for one in self.seen if any(map(filled, one.gauges)))


def watchable(model: nn.Module) -> dict[nn.Module, str]:
    """Recurrent layers on our own engines, by name."""
    kinds = (Recurrent, torch_like.RNN, torch_like.LSTM, torch_like.GRU)
    return {m: name for name, m in model.named_modules() if isinstance(m, kinds)}


def time_of(one: Seen, gains: bool) -> Time:
    """One walk in numbers."""
    some, fields = one.some, one.some.cell.State._fields
    gradients = (_numbers(_by_step(squares(g), one.within)) for g in one.gauges)
    return Time(
        module=some.module,
        layer=some.layer,
        direction=some.direction,
        cell=snake(type(some.cell).__name__),
        steps=one.shape[0],
        batch=one.shape[1],
        gradient=dict(zip(fields, gradients, strict=True)),
        state=dict(zip(fields, map(_numbers, one.norms), strict=True)),
        gates=openness(some, one.within[:, :ROWS]),
        gain=_gains(some) if gains else [],
    )


def _gains(some: Passage) -> list[float]:
    generator = torch.Generator().manual_seed(0)
    return _numbers(squared_gains(some, generator).sqrt())


def _lengths(states: Tensor, within: Tensor | None) -> Tensor:
    """Of each step's states [T]; what lies past a row's end counts nothing."""
    parts = states.flatten(1)
    if within is not None:
        parts = torch.where(within, torch.linalg.vector_norm(states.flatten(2), dim=2), 0.0)
    found: Tensor = torch.linalg.vector_norm(parts, dim=1)
    return found


def _by_step(squared: Tensor, within: Tensor) -> Tensor:
    """The norm of each step [T], from squares [T, B]; what lies past a row's end counts nothing."""
    return torch.where(within, squared.double(), 0.0).sum(1).sqrt()


def _numbers(tensor: Tensor) -> list[float]:
    found: list[float] = tensor.tolist()
    return found


class _Openers(TorchFunctionMode):
    """Keeps what every sigmoid of a step gives."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Tensor] = []

    def __torch_function__(
        self, function: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        if function in OPENERS:
            self.found.append(result)
        return result


def openness(some: Passage, within: Tensor) -> dict[str, list[float]]:
    """How open is each gate of the step in the mean, step by step? A gate is what a sigmoid gives."""
    some, within = few_rows(some, GATED), within[:, :GATED]
    cell, course, steps = some.cell, some.course, some.x.shape[0]
    with torch.no_grad():
        pairs = zip(some.start, some.states, strict=True)
        olds = [before(start, states, course.reverse) for start, states in pairs]
        if course.state_mask is not None:
            olds[0] = olds[0] * course.state_mask
        x = some.x if course.input_mask is None else some.x * course.input_mask
        watching = _Openers()
        with watching:
            cell.step(x.flatten(0, 1), cell.State(*(b.flatten(0, 1) for b in olds)), some.weights)
    weight = within.to(some.x.dtype)
    by_row = [
        g for g in watching.found if g.dim() > 1 and g.shape[0] == weight.numel()
    ]  # a time constant is none
    means = [_mean_open(gate, steps, weight) for gate in by_row]
    return dict(zip(gate_names(cell, len(means)), means, strict=True))


def _mean_open(gate: Tensor, steps: int, weight: Tensor) -> list[float]:
    by_row = gate.detach().reshape(steps, -1, gate.shape[-1]).mean(2)
    return _numbers(((by_row * weight).sum(1) / weight.sum(1).clamp(min=1)).double())


def gate_names(cell: Cell, count: int) -> list[str]:
    """The cell's own names for its gates, or gate 1, gate 2, …"""
    own = cell.gates
    return list(own) if len(own) == count else [f"gate {n + 1}" for n in range(count)]
