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
from undertow.compiler.emit_numba import reads
from undertow.compiler.hoist import Around, around, product
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
    around: Around
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
    weights = [torch.zeros(s, dtype=dtype) for s in shapes]
    traced = trace(cell, weights, how)
    roles = [("u", traced.sequences), ("m", traced.masks), ("s", traced.states), ("k", traced.derived)]
    joint = read(differentiate(traced), [*roles, ("d", traced.states)], traced.batch)
    moves = ([False] if how.state_mask else []) + [True] * (traced.masks - how.state_mask)
    assert joint.epilogue is not None
    return Recurrence(cell, traced, around(traced, weights), plan(joint, tuple(moves)), joint.epilogue, bits)


@dataclass(frozen=True, eq=False)
class Walked:
    """What one call fixes: the compiled recurrence, sizes and masks."""

    made: Recurrence
    steps: int
    batch: int
    course: Course
    masks: list[Tensor]

    @property
    def last(self) -> int:
        return 0 if self.course.reverse else self.steps - 1


@dataclass(frozen=True, eq=False)
class Kept:
    """What a forward walk leaves for its backward walk."""

    feeds: list[Tensor | None]
    derived: list[Tensor]
    saved: list[Tensor]


def prepare(cell: Cell, x: Tensor, weights: Sequence[Tensor], course: Course) -> Walked:
    """Compile the step, if that has not been done, and lay out one call.

    Raises:
        NoRowError: the step holds an op that no kernel can.
    """
    how = Variation(course.state_mask is not None, course.zoneout is not None, course.lengths is not None)
    made = compile_step(cell, tuple(tuple(w.shape) for w in weights), BITS[x.dtype], how)
    return Walked(made, x.shape[0], x.shape[1], course, masks_of(x, course))


def fused(cell: Cell, x: Tensor, start: Any, weights: Any, course: Course = PLAIN) -> tuple[Any, Any]:
    """As `undertow.unroll.chain.chain`, by kernel.

    Raises:
        NoRowError: the step holds an op that no kernel can.
    """
    walked = prepare(cell, x, weights, course)
    inputs = [*start, x, *weights]
    if torch.is_grad_enabled() and any(t.requires_grad for t in inputs):
        results = _Walk.apply(walked, *inputs)  # type: ignore[no-untyped-call]
    else:
        results = forward(walked, inputs, "infer")[0]
    count = len(start)
    return cell.State(*results[:count]), cell.State(*results[count:])


def masks_of(x: Tensor, course: Course) -> list[Tensor]:
    """What joins the step from outside, in the order of `undertow.compiler.trace.advance`."""
    masks = [course.state_mask] if course.state_mask is not None else []
    masks += list(course.zoneout or ())
    if course.lengths is not None:
        alive = torch.arange(x.shape[0], device=x.device)[:, None] < course.lengths
        masks.append(alive.to(x.dtype))
    return [m.detach().contiguous() for m in masks]


def _named(**groups: Sequence[Tensor | None]) -> dict[str, Any]:
    return {f"{letter}{n}": tensor for letter, tensors in groups.items() for n, tensor in enumerate(tensors)}


def _divide(walked: Walked, inputs: Sequence[Tensor]) -> tuple[list[Tensor], Tensor, list[Tensor]]:
    """Start states, what the step sees of x as [T·B, I], and weights, all free of any graph."""
    count = len(walked.made.plan.states)
    start = [t.detach().contiguous() for t in inputs[:count]]
    x, mask = inputs[count].detach(), walked.course.input_mask
    seen = x if mask is None else x * mask
    return start, seen.reshape(walked.steps * walked.batch, -1), [t.detach() for t in inputs[count + 1 :]]


def forward(walked: Walked, inputs: Sequence[Tensor], half: str) -> tuple[list[Tensor], Kept]:
    """Every state of every step and after the last, and what backward needs; inputs are start, x and weights."""
    plan = walked.made.plan
    with torch.no_grad():
        start, seen, weights = _divide(walked, inputs)
        feeds, derived = walked.made.around.before(seen, weights)
    shape, dtype = (walked.steps, walked.batch), seen.dtype
    saved = [POOL.empty((*shape, w), dtype) for w in plan.saved] if half == "forward" else []
    news = [POOL.empty((walked.steps, *s.shape), dtype) for s in start]
    feeds = [f.contiguous() for f in feeds]
    named = _named(u=feeds, m=walked.masks, start=start, a=news, q=saved)
    named |= {f"slots{n}": walked.steps for n in range(len(start))}
    walked.made.kernel(half).run(named, derived, walked.steps, walked.batch, walked.course.reverse)
    read = reads(plan, "backward")
    kept = Kept([f if f"u{n}" in read else None for n, f in enumerate(feeds)], derived, saved)
    return [*news, *(n[walked.last].clone() for n in news)], kept


class _Walk(torch.autograd.Function):
    """Forward and backward walk of one recurrence; its inputs are start states, x and weights."""

    @staticmethod
    def forward(ctx: Any, walked: Walked, *inputs: Tensor) -> Any:
        results, ctx.kept = forward(walked, inputs, "forward")
        ctx.walked = walked
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*inputs, *results[: len(walked.made.plan.states)])
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> Any:
        count = len(ctx.walked.made.plan.states)
        inputs, news = ctx.saved_tensors[:-count], ctx.saved_tensors[-count:]
        if torch.is_grad_enabled():
            return (None, *_differentiable(ctx.walked, inputs, gradients))
        return (None, *backward(ctx.walked, inputs, news, ctx.kept, gradients, ctx.needs_input_grad[1:]))


def backward(
    walked: Walked,
    inputs: Sequence[Tensor],
    news: Sequence[Tensor],
    kept: Kept,
    gradients: Sequence[Tensor | None],
    wanted: Sequence[bool],
) -> list[Tensor | None]:
    """Gradients of start states, x and weights, those that are wanted."""
    made, plan, steps, batch = walked.made, walked.made.plan, walked.steps, walked.batch
    count = len(plan.states)
    with torch.no_grad():
        start, seen, weights = _divide(walked, inputs)
        incoming = [None if g is None else g.contiguous() for g in gradients[:count]]
        last = [
            torch.zeros_like(s) if g is None else g.contiguous()
            for s, g in zip(start, gradients[count:], strict=True)
        ]
        given = [POOL.empty((steps, batch, w), seen.dtype) for w in plan.sequences]
        left = [POOL.empty((steps, batch, w), seen.dtype) for w in plan.operands]
        olds = [torch.empty_like(s) for s in start]
        named = _named(
            u=kept.feeds,
            m=walked.masks,
            start=start,
            a=news,
            q=kept.saved,
            y=incoming,
            last=last,
            g=given,
            o=left,
        ) | _named(old=olds)
        found = made.kernel("backward").run(named, kept.derived, steps, batch, walked.course.reverse)
        named |= _named(c=found)
        outer = _behind(walked, seen, weights, kept, named, wanted[count:])
    return [*(o if w else None for o, w in zip(olds, wanted, strict=False)), *outer]


def _behind(
    walked: Walked,
    seen: Tensor,
    weights: Sequence[Tensor],
    kept: Kept,
    named: dict[str, Tensor],
    wanted: Sequence[bool],
) -> list[Tensor | None]:
    """Gradients of x and of the weights, from what the backward walk left."""
    made, mask = walked.made, walked.course.input_mask
    given = [_rows(named[f"g{n}"]) for n in range(len(made.plan.sequences))]
    if any(wanted[1:]):
        inner = made.epilogue(*(_sum(s, named, walked.course.reverse) for s in made.plan.sums), *kept.derived)
    else:
        inner = [torch.zeros_like(d) for d in kept.derived]
    found = made.around.behind(seen, weights, [*given, *inner], wanted)
    if found[0] is not None:
        for_x = found[0].view(walked.steps, walked.batch, -1)
        found[0] = for_x if mask is None else for_x * mask
    return found


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
    result = product(start.T, first)
    return result.addmm_(_rows(earlier).T, _rows(later)) if len(earlier) else result


def _differentiable(
    walked: Walked, inputs: Sequence[Tensor], gradients: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """The same gradients, by the eager loop and able to be differentiated again (create_graph=True)."""
    count = len(walked.made.plan.states)
    cell, x, weights = walked.made.cell, inputs[count], inputs[count + 1 :]
    with torch.enable_grad():
        states, last = chain(cell, x, cell.State(*inputs[:count]), cell.Weights(*weights), walked.course)
    wanted = [t for t in inputs if t.requires_grad]
    reached = [(r, g) for r, g in zip((*states, *last), gradients, strict=True) if g is not None]
    results, given = zip(*reached, strict=True)
    found = iter(torch.autograd.grad(results, wanted, given, create_graph=True, allow_unused=True))
    return [next(found) if t.requires_grad else None for t in inputs]
