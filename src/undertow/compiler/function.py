"""Kernels as a differentiable torch function: what the eager loop gives, at kernel speed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, fx

from undertow.cells.cell import Cell
from undertow.compiler.buffers import POOL
from undertow.compiler.differentiate import differentiate
from undertow.compiler.kernel import Kernel
from undertow.compiler.plan import Plan, plan
from undertow.compiler.read import NoRowError, Outer, read
from undertow.compiler.trace import Traced, Variation, trace
from undertow.unroll.chain import Course, chain

PLAIN = Course()
BUILDING = threading.RLock()  # torch traces, and Numba compiles, in one thread at a time
BITS = {torch.float32: 32, torch.float64: 64}


@dataclass(frozen=True, eq=False)
class Recurrence:
    """A cell's step, compiled for its sizes and one variation."""

    cell: Cell
    traced: Traced
    plan: Plan
    epilogue: fx.GraphModule
    bits: int
    kernels: dict[str, Kernel] = field(default_factory=dict)

    def kernel(self, half: str) -> Kernel:
        """forward, infer or backward, built when it is first asked for."""
        with BUILDING:
            if half not in self.kernels:
                self.kernels[half] = Kernel(self.plan, half, self.bits)
            return self.kernels[half]


def compile_step(cell: Cell, shapes: tuple[tuple[int, ...], ...], bits: int, how: Variation) -> Recurrence:
    """Trace, differentiate, plan. The kernels are built when they are first called.

    Raises:
        NoRowError: the step holds an op that no kernel can.
    """
    with BUILDING:
        found = _attempted(cell, shapes, bits, how)
    if isinstance(found, NoRowError):
        raise NoRowError(str(found))
    return found


@lru_cache(512)
def _attempted(
    cell: Cell, shapes: tuple[tuple[int, ...], ...], bits: int, how: Variation
) -> Recurrence | NoRowError:
    """A refusal is remembered, too: a cell on the eager loop is not traced again at every call."""
    try:
        return _compiled(cell, shapes, bits, how)
    except NoRowError as error:
        return error.with_traceback(None)


def _compiled(cell: Cell, shapes: tuple[tuple[int, ...], ...], bits: int, how: Variation) -> Recurrence:
    dtype = torch.float32 if bits == 32 else torch.float64
    traced = trace(cell, [torch.zeros(s, dtype=dtype) for s in shapes], how)
    roles = [("u", traced.sequences), ("m", traced.masks), ("s", traced.states), ("k", traced.derived)]
    joint = read(differentiate(traced), [*roles, ("d", traced.states)], traced.batch)
    moves = ([False] if how.state_mask else []) + [True] * (traced.masks - how.state_mask)
    assert joint.epilogue is not None
    cotangents = (True,) * traced.states
    return Recurrence(cell, traced, plan(joint, tuple(moves), cotangents), joint.epilogue, bits)


@dataclass(frozen=True, eq=False)
class _Walked:
    """What one call fixes: the compiled recurrence, sizes and masks."""

    made: Recurrence
    steps: int
    batch: int
    course: Course
    masks: list[Tensor]

    @property
    def last(self) -> int:
        return 0 if self.course.reverse else self.steps - 1


def fused(cell: Cell, x: Tensor, start: Any, weights: Any, course: Course = PLAIN) -> tuple[Any, Any]:
    """As `undertow.unroll.chain.chain`, by kernel.

    Raises:
        NoRowError: the step holds an op that no kernel can.
    """
    how = Variation(course.state_mask is not None, course.zoneout is not None, course.lengths is not None)
    made = compile_step(cell, tuple(tuple(w.shape) for w in weights), BITS[x.dtype], how)
    walked = _Walked(made, x.shape[0], x.shape[1], course, _masks(x, course))
    seen = x if course.input_mask is None else x * course.input_mask
    derived = made.traced.prologue(*weights)
    feeds = made.traced.hoisted(seen.reshape(walked.steps * walked.batch, -1), *derived)
    inputs = [*start, *feeds, *derived]
    if torch.is_grad_enabled() and any(t.requires_grad for t in inputs):
        results = _Walk.apply(walked, *inputs, x, *weights)  # type: ignore[no-untyped-call]
    else:
        results = _infer(walked, inputs)
    count = len(start)
    return cell.State(*results[:count]), cell.State(*results[count:])


def _masks(x: Tensor, course: Course) -> list[Tensor]:
    masks = [course.state_mask] if course.state_mask is not None else []
    masks += list(course.zoneout or ())
    if course.lengths is not None:
        alive = torch.arange(x.shape[0], device=x.device)[:, None] < course.lengths
        masks.append(alive.to(x.dtype))
    return [m.detach().contiguous() for m in masks]


def _divide(walked: _Walked, inputs: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Start states, sequences and derived weights, the first two as plain rows of memory."""
    states, feeds = len(walked.made.plan.states), len(walked.made.plan.sequences)
    start = [t.detach().contiguous() for t in inputs[:states]]
    sequences = [t.detach().contiguous() for t in inputs[states : states + feeds]]
    return start, sequences, list(inputs[states + feeds : states + feeds + walked.made.traced.derived])


def _named(**groups: Sequence[Tensor]) -> dict[str, Any]:
    return {f"{letter}{n}": tensor for letter, tensors in groups.items() for n, tensor in enumerate(tensors)}


def _forward(walked: _Walked, half: str, inputs: Sequence[Tensor], kept: Sequence[Tensor]) -> list[Tensor]:
    """Every state of every step."""
    start, feeds, derived = _divide(walked, inputs)
    news = [s.new_empty(walked.steps, *s.shape) for s in start]
    named = _named(u=feeds, m=walked.masks, start=start, a=news, q=kept)
    named |= {f"slots{n}": walked.steps for n in range(len(start))}
    kernel = walked.made.kernel(half)
    kernel.run(named, derived, walked.steps, walked.batch, walked.course.reverse)
    return news


def _infer(walked: _Walked, inputs: Sequence[Tensor]) -> list[Tensor]:
    news = _forward(walked, "infer", inputs, [])
    return [*news, *(n[walked.last].clone() for n in news)]


class _Walk(torch.autograd.Function):
    """Forward and backward walk of one recurrence.

    Its inputs are start states, sequences and derived weights; x and the weights come along only for the case that
    the backward pass is itself to be differentiated, when the eager loop takes over.
    """

    @staticmethod
    def forward(ctx: Any, walked: _Walked, *inputs: Tensor) -> Any:
        plan = walked.made.plan
        lease = POOL.lease([(walked.steps, walked.batch, w) for w in plan.saved], inputs[0].dtype)
        news = _forward(walked, "forward", inputs, lease.tensors)
        ctx.walked, ctx.lease = walked, lease
        ctx.save_for_backward(*inputs, *news)
        return (*news, *(n[walked.last].clone() for n in news))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        walked: _Walked = ctx.walked
        count = len(walked.made.plan.states)
        inputs, news = ctx.saved_tensors[:-count], ctx.saved_tensors[-count:]
        own = count + len(walked.made.plan.sequences) + walked.made.traced.derived
        if torch.is_grad_enabled():
            return (None, *_differentiable(walked, inputs, own, gradients))
        found = _backward(walked, inputs, news, ctx.lease.tensors, gradients)
        return (None, *found, *[None] * (len(inputs) - own))


def _backward(
    walked: _Walked,
    inputs: Sequence[Tensor],
    news: Sequence[Tensor],
    kept: Sequence[Tensor],
    gradients: Sequence[Tensor],
) -> list[Tensor]:
    """Gradients of start states, sequences and derived weights."""
    made, plan, steps, batch = walked.made, walked.made.plan, walked.steps, walked.batch
    start, feeds, derived = _divide(walked, inputs)
    count = len(start)
    incoming, last = ([g.contiguous() for g in part] for part in (gradients[:count], gradients[count:]))
    given = [start[0].new_empty(steps, batch, w) for w in plan.sequences]
    lease = POOL.lease([(steps, batch, w) for w in plan.operands], start[0].dtype)
    olds = [torch.empty_like(s) for s in start]
    named = _named(
        u=feeds,
        m=walked.masks,
        start=start,
        a=news,
        q=kept,
        y=incoming,
        last=last,
        g=given,
        o=lease.tensors,
        old=olds,
    )
    kernel = made.kernel("backward")
    named |= _named(c=kernel.run(named, derived, steps, batch, walked.course.reverse))
    sums = [_sum(item, named, walked.course.reverse) for item in plan.sums]
    with torch.no_grad():
        weights = made.epilogue(*sums, *derived)
    return [*olds, *(g.flatten(0, 1) for g in given), *weights]


def _sum(item: Any, named: dict[str, Tensor], reverse: bool) -> Tensor:
    """A weight's gradient, or a part of it, from what the walk left."""
    if not isinstance(item, Outer):
        return named[item.value].reshape(item.shape)
    if item.a[0] == "s":
        return _with_old(named[f"start{item.a[1:]}"], named[f"a{item.a[1:]}"], named[item.b], reverse)
    if item.b[0] == "s":
        return _with_old(named[f"start{item.b[1:]}"], named[f"a{item.b[1:]}"], named[item.a], reverse).T
    return _rows(named[item.a]).T @ _rows(named[item.b])


def _rows(sequence: Tensor) -> Tensor:
    return sequence.flatten(0, -2)


def _with_old(start: Tensor, news: Tensor, b: Tensor, reverse: bool) -> Tensor:
    """Σ_t old_tᵀ·b_t, where old_t is the state before step t."""
    b = b.view(*news.shape[:2], -1)
    first, earlier, later = (b[-1], news[1:], b[:-1]) if reverse else (b[0], news[:-1], b[1:])
    result = start.T @ first
    return torch.addmm(result, _rows(earlier).T, _rows(later)) if len(earlier) else result


def _differentiable(
    walked: _Walked, inputs: Sequence[Tensor], own: int, gradients: Sequence[Tensor]
) -> list[Tensor | None]:
    """The same gradients, by the eager loop and able to be differentiated again (create_graph=True)."""
    count = len(walked.made.plan.states)
    x, weights = inputs[own], inputs[own + 1 :]
    cell = walked.made.cell
    with torch.enable_grad():
        start, free_x, free_w = cell.State(*inputs[:count]), x, cell.Weights(*weights)
        states, last = chain(cell, free_x, start, free_w, walked.course)
    wanted = [t for t in (*start, free_x, *free_w) if t.requires_grad]
    found = iter(
        torch.autograd.grad([*states, *last], wanted, list(gradients), create_graph=True, allow_unused=True)
    )
    whole = [next(found) if t.requires_grad else None for t in (*start, free_x, *free_w)]
    middle: list[Tensor | None] = [None] * (own - count)
    return [*whole[:count], *middle, *whole[count:]]
