"""Kernel and eager loop on the same numbers: outputs and every gradient agree, to a share of their size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from user_cells import USER_CELLS

from cases import CELLS, Case, needing_gradient
from cases import USER_CELLS as CASES_OF_USERS
from undertow.cells.catalog import snake
from undertow.compiler.function import fused
from undertow.unroll.chain import Course, chain

PLAIN = Course()
BUILT_IN = CELLS + [
    case for case in CASES_OF_USERS if case.name != "user_associative"
]  # a state of three axes
LITERATURE = [Case(snake(type(cell).__name__), cell) for cell in USER_CELLS]
EVERY = BUILT_IN + LITERATURE


def case_named(name: str) -> Case:
    return next(case for case in EVERY if case.name == name)


@dataclass(frozen=True)
class Problem:
    """One call: the cell, x, start, weights and course."""

    cell: Any
    x: Tensor
    start: Any
    weights: Any
    course: Course = PLAIN

    def walk(self, by: Any) -> list[Tensor]:
        """Every state of every step, then the last states."""
        states, last = by(self.cell, self.x, self.start, self.weights, self.course)
        assert type(states) is type(last) is self.cell.State
        return [*states, *last]


def problem(
    case: Case, steps: int = 6, batch: int = 7, dtype: torch.dtype = torch.float64, **course: Any
) -> Problem:
    """Random numbers for one call, all of them wanting a gradient; clocks (states of width 1) are whole."""
    cell, start = case.cell, case.state(batch)
    start = type(start)(*(s.round() if s.shape[-1] == 1 else s for s in start))
    x = torch.randn(steps, batch, cell.input_size)
    made = Problem(
        cell, x.to(dtype), in_dtype(start, dtype), in_dtype(case.weights(), dtype), Course(**course)
    )
    needing_gradient(made.x, made.start, made.weights)
    return made


def in_dtype(tensors: Any, dtype: torch.dtype) -> Any:
    return type(tensors)(*(t.detach().to(dtype) for t in tensors))


def with_everything(made: Problem, reverse: bool = True) -> Problem:
    """Lengths (an empty row among them), both masks and zoneout, in either direction."""
    steps, batch, features = made.x.shape
    lengths = torch.randint(0, steps + 1, (batch,))
    lengths[0], lengths[-1] = steps, 0
    course = Course(
        lengths=lengths,
        reverse=reverse,
        input_mask=2.0 * (torch.rand(batch, features) < 0.7).to(made.x),
        state_mask=2.0 * (torch.rand(made.start[0].shape) < 0.7).to(made.x),
        zoneout=tuple((torch.rand(steps, *s.shape) < 0.3).to(s) for s in made.start),
    )
    return replace(made, course=course)


def assert_agree(made: Problem, tolerance: float = 1e-10, reach: Any = None) -> None:
    """Outputs and the gradients of all that wants one; `reach` picks the outputs that the loss sees."""
    for got, wanted in zip(results(made, fused, reach), results(made, chain, reach), strict=True):
        assert_near(got, wanted, tolerance)


def assert_as_exact(made: Problem, floor: float = 1e-5) -> None:
    """A float32 kernel errs no more than a few times what the float32 loop errs, both seen from float64."""
    exact = Problem(made.cell, *(d64(part) for part in (made.x, made.start, made.weights)), made.course)
    needing_gradient(exact.x, exact.start, exact.weights)
    for got, eager, true in zip(
        *(results(*r) for r in ((made, fused), (made, chain), (exact, chain))), strict=True
    ):
        allowed = 4 * (eager - true).abs().max() + floor * true.abs().max().clamp(min=1e-2)
        assert (got - true).abs().max() <= allowed


def d64(part: Any) -> Any:
    return part.detach().double() if isinstance(part, Tensor) else in_dtype(part, torch.float64)


def results(made: Problem, by: Any, reach: Any = None) -> list[Tensor]:
    """Outputs, then gradients; zeros where nothing reaches."""
    inputs = [t for t in (made.x, *made.start, *made.weights) if t.requires_grad]
    outputs = made.walk(by)
    seen = outputs if reach is None else [outputs[n] for n in reach]
    generator = torch.Generator().manual_seed(1)
    loss = torch.stack([(o * torch.randn(o.shape, generator=generator).to(o)).sum() for o in seen]).sum()
    found = torch.autograd.grad(loss, inputs, allow_unused=True)
    gradients = [torch.zeros_like(i) if g is None else g for i, g in zip(inputs, found, strict=True)]
    return [t.detach() for t in (*outputs, *gradients)]


def assert_near(got: Tensor, wanted: Tensor, tolerance: float) -> None:
    """Equal to a share of the largest number in the tensor."""
    size = wanted.abs().max().item() if wanted.numel() else 0.0
    torch.testing.assert_close(got, wanted, rtol=0.0, atol=tolerance * max(size, 1e-2), equal_nan=True)
