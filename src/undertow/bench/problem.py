"""One walk, the same numbers for every peer: a cell with its weights, x, a start state, and the gradient that comes in.

Axes: T time steps, B batch rows, I input features, H hidden units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from undertow.bench.shape import Shape
from undertow.cells.cell import Cell, output_size

Action = Callable[[], object]
Results = dict[str, Tensor]  # y in training and in inference, and the gradients dx, dstart.FIELD, dw.FIELD
IN_INFERENCE = "y in inference"


@dataclass(frozen=True, eq=False)
class Problem:
    """What is to be walked. Start states and weights are leaves that want a gradient, as x does."""

    name: str
    cell: Cell
    shape: Shape
    weights: Any
    start: Any
    x: Tensor  # [T, B, I]
    along: Tensor  # [T, B, H], ∂L/∂y
    lengths: Tensor | None = None  # [B], of sequences of mixed lengths

    @property
    def steps_walked(self) -> int:
        """Steps of all rows together."""
        return self.shape.steps * self.shape.batch if self.lengths is None else int(self.lengths.sum().item())


@dataclass(frozen=True, eq=False)
class Side:
    """One way to walk a problem: forward in inference; forward with backward of everything."""

    infer: Action
    train: Action
    results: Callable[[], Results]
    first_seconds: float | None = None  # of the first training call, where that is when it is compiled


def pose(name: str, kind: type[Cell], shape: Shape, *, mixed: bool = False) -> Problem:
    """The problem of a cell at a shape: always the same numbers.

    No part is zero where it could hide a fault: start states are shifted, clocks (states of width 1) excepted, and
    weights that start at zero are drawn.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        cell = kind(shape.inputs, shape.hidden)
        weights = [_leaf(w if w.any() else 0.1 * torch.randn_like(w)) for w in cell.init()]
        start = [_leaf(s + 0.1 * torch.rand_like(s) * (s.shape[-1] > 1)) for s in cell.start(shape.batch)]
        x = _leaf(torch.randn(shape.steps, shape.batch, shape.inputs))
        along = torch.randn(shape.steps, shape.batch, output_size(cell))
        lengths = _mixed(shape) if mixed else None
    return Problem(name, cell, shape, cell.Weights(*weights), cell.State(*start), x, along, lengths)


def in_double(problem: Problem) -> Problem:
    """The same problem in float64, for who wants to know which of two answers errs."""

    def leaves(kind: Any, tensors: Any) -> Any:
        return kind(*(_leaf(t.detach().double()) for t in tensors))

    return Problem(
        problem.name,
        problem.cell,
        problem.shape,
        leaves(problem.cell.Weights, problem.weights),
        leaves(problem.cell.State, problem.start),
        _leaf(problem.x.detach().double()),
        problem.along.double(),
    )


def side(
    forward: Callable[[], Tensor], leaves: dict[str, Tensor], along: Tensor, *, inference: bool = True
) -> Side:
    """A side that torch's autograd differentiates.

    Args:
        forward: gives y.
        leaves: every tensor that wants a gradient, by the name of its gradient.
        along: ∂L/∂y.
        inference: whether results hold what inference gives, too.
    """

    def infer() -> Tensor:
        with torch.no_grad():
            return forward()

    def train() -> Tensor:
        for leaf in leaves.values():
            leaf.grad = None
        y = forward()
        y.backward(along)  # type: ignore[no-untyped-call]
        return y

    def results() -> Results:
        found = {IN_INFERENCE: infer().clone()} if inference else {}
        found["y"] = train().detach().clone()
        for name, leaf in leaves.items():
            found[name] = torch.zeros_like(leaf) if leaf.grad is None else leaf.grad.clone()
        return found

    return Side(infer, train, results)


def leaves_of(problem: Problem, weights: Any) -> dict[str, Tensor]:
    """Gradients by name: of x, of every start state, of every weight."""
    named = {f"dstart.{n}": t for n, t in zip(problem.cell.State._fields, problem.start, strict=True)}
    named |= {f"dw.{n}": t for n, t in zip(problem.cell.Weights._fields, weights, strict=True)}
    return {"dx": problem.x, **named}


def _leaf(tensor: Tensor) -> Tensor:
    return tensor.detach().clone().requires_grad_()


def _mixed(shape: Shape) -> Tensor:
    """Lengths drawn evenly from T/4 to T; the first row is whole."""
    lengths = torch.randint(max(1, shape.steps // 4), shape.steps + 1, (shape.batch,))
    lengths[0] = shape.steps
    return lengths
