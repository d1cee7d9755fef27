"""Kernels as a differentiable torch function: what the eager loop gives, at kernel speed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import torch
from torch import Tensor

from undertow.cells.cell import Cell
from undertow.compiler.buffers import POOL
from undertow.compiler.hoist import product
from undertow.compiler.plan import Plan
from undertow.compiler.precision import products_are_rounded
from undertow.compiler.recurrence import BITS, Recurrence, compile_step
from undertow.compiler.sums import Outer
from undertow.compiler.variation import Variation, joins
from undertow.unroll.chain import Course, chain
from undertow.unroll.steps import alive

PLAIN = Course()


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
    saved: Tensor  # all in one piece of memory
    olds: list[Tensor | None]  # the states before every step, where a weight's gradient is made of them

    def flat(self) -> list[Tensor | None]:
        """All in one list, as autograd keeps it."""
        return [self.saved, *self.olds, *self.derived, *self.feeds]

    @staticmethod
    def from_flat(tensors: Sequence[Tensor | None], plan: Plan) -> Kept:
        """What `flat` gave."""
        saved, *rest = tensors
        states, feeds = len(plan.states), len(plan.sequences)
        derived = rest[states : len(rest) - feeds]
        return Kept(rest[len(rest) - feeds :], derived, saved, rest[:states])  # type: ignore[arg-type]


def prepare(cell: Cell, x: Tensor, weights: Sequence[Tensor], course: Course) -> Walked:
    """Compile the step, if that has not been done, and lay out one call.

    Raises:
        NoRowError: the step holds an op that no kernel can.
    """
    how = Variation(*joins(course), rounded=x.dtype == torch.float32 and products_are_rounded())
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
        masks.append(alive(x.shape[0], course.lengths).to(x.dtype))
    return [m.detach().contiguous() for m in masks]


def _named(**groups: Sequence[Tensor | None]) -> dict[str, Any]:
    return {f"{letter}{n}": tensor for letter, tensors in groups.items() for n, tensor in enumerate(tensors)}


def _divide(walked: Walked, inputs: Sequence[Tensor]) -> tuple[list[Tensor], Tensor, Sequence[Tensor]]:
    """Start states, what the step sees of x as [T·B, I], and weights. Nobody differentiates what is made of them."""
    count = len(walked.made.plan.states)
    start = [t.contiguous() for t in inputs[:count]]
    x, mask = inputs[count], walked.course.input_mask
    seen = x if mask is None else x * mask
    return start, seen.reshape(walked.steps * walked.batch, -1), inputs[count + 1 :]


def forward(
    walked: Walked, inputs: Sequence[Tensor], half: str, before: bool = True
) -> tuple[list[Tensor], Kept]:
    """Every state of every step and after the last, and what backward needs.

    Args:
        walked: what the call fixes.
        inputs: start states, x and weights.
        half: "forward" where a backward walk may follow, else "infer".
        before: keep the states before every step, too, in one piece of memory with those after.
    """
    plan = walked.made.plan
    start, seen, weights = _divide(walked, inputs)
    derived = walked.made.around.derive(weights)
    training = half == "forward"
    size = saved_size(plan, walked.steps * walked.batch) if training else 0
    saved = POOL.empty((size,), seen.dtype)
    olds, news = _states(walked, start, before and training)
    feeds = walked.made.around.feed(seen, derived)
    kernel = walked.made.kernel(half)
    named = kernel.packed(derived) | _named(u=feeds, m=walked.masks, start=start, a=news)
    if training:
        named |= _pieces(walked, saved)
    named |= {f"slots{n}": walked.steps for n in range(len(start))}
    kernel.run(named, walked.steps, walked.batch, walked.course.reverse)
    read = walked.made.feeds_read if training else ()
    kept = Kept([f if n in read else None for n, f in enumerate(feeds)], derived, saved, olds)
    return [*news, *(n.select(0, walked.last).clone() for n in news)], kept


def saved_size(plan: Plan, rows: int) -> int:
    """Numbers that backward reads beside states and sequences."""
    return rows * sum(plan.saved)


def _pieces(walked: Walked, saved: Tensor) -> dict[str, Any]:
    """Where each kept value lies; as a tensor where a weight's gradient is made of it."""
    found: dict[str, Any] = {}
    begin, base, size = 0, saved.data_ptr(), saved.element_size()
    operands = walked.made.operands
    for n, width in enumerate(walked.made.plan.saved):
        name, count = f"q{n}", walked.steps * walked.batch * width
        piece = base + begin * size
        found[name] = saved[begin : begin + count].view(-1, width) if name in operands else piece
        begin += count
    return found


def _states(
    walked: Walked, start: Sequence[Tensor], before: bool
) -> tuple[list[Tensor | None], list[Tensor]]:
    """Room for the states after every step and, of those that a weight's gradient is made of, before every step.

    The two are the same but for the first and the last.
    """
    olds: list[Tensor | None] = []
    news: list[Tensor] = []
    steps, reverse = walked.steps, walked.course.reverse
    for n, begin in enumerate(start):
        if not before or f"s{n}" not in walked.made.operands:
            olds.append(None)
            news.append(POOL.empty((steps, *begin.shape), begin.dtype))
            continue
        whole = POOL.empty((steps + 1, *begin.shape), begin.dtype)
        whole.select(0, steps if reverse else 0).copy_(begin)
        olds.append(whole.narrow(0, int(reverse), steps))
        news.append(whole.narrow(0, int(not reverse), steps))
    return olds, news


def _held_anyway(walked: Walked, start: Tensor, olds: Tensor | None) -> Tensor:
    """A start state, where nobody asks for its gradient in the memory of the states that are kept."""
    first = walked.steps - 1 if walked.course.reverse else 0
    return start if olds is None or start.requires_grad else olds.select(0, first)


class _Walk(torch.autograd.Function):
    """Forward and backward walk of one recurrence; its inputs are start states, x and weights."""

    @staticmethod
    def forward(ctx: Any, walked: Walked, *inputs: Tensor) -> Any:
        results, kept = forward(walked, inputs, "forward")
        ctx.walked = walked
        ctx.set_materialize_grads(False)
        count = len(walked.made.plan.states)
        start = [_held_anyway(walked, *pair) for pair in zip(inputs[:count], kept.olds, strict=True)]
        ctx.save_for_backward(*start, *inputs[count:], *results[:count], *kept.flat())
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> Any:
        wanted, plan = ctx.needs_input_grad[1:], ctx.walked.made.plan
        first, last = len(wanted), len(wanted) + len(plan.states)
        saved = ctx.saved_tensors
        inputs, news = saved[:first], saved[first:last]
        if torch.is_grad_enabled():
            return (None, *_differentiable(ctx.walked, inputs, gradients))
        kept = Kept.from_flat(saved[last:], plan)
        return (None, *backward(ctx.walked, inputs, news, kept, gradients, wanted))


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
    start, seen, weights = _divide(walked, inputs)
    incoming = [None if g is None else g.contiguous() for g in gradients[:count]]
    last = [
        torch.zeros_like(s) if g is None else g.contiguous()
        for s, g in zip(start, gradients[count:], strict=True)
    ]
    given = [POOL.empty((steps, batch, w), seen.dtype) for w in plan.sequences]
    left = [POOL.empty((steps, batch, w), seen.dtype) for w in plan.operands]
    olds = [torch.empty_like(s) for s in start]
    named = (
        _named(
            u=kept.feeds,
            m=walked.masks,
            start=start,
            a=news,
            y=incoming,
            last=last,
            g=given,
            o=left,
        )
        | _named(old=olds, s=kept.olds, gauge=walked.course.gauges or [None] * count)
        | _pieces(walked, kept.saved)
    )
    kernel = made.kernel("backward")
    found = kernel.run(named | kernel.packed(kept.derived), steps, batch, walked.course.reverse)
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
        found = made.settle(*_sums(made.plan.sums, named), *kept.derived)
    else:
        found = [torch.zeros_like(d) for d in kept.derived]
    inner = compress(found, made.around.inner)
    outer = made.around.behind(seen, weights, [*given, *inner], wanted)
    if outer[0] is not None:
        for_x = outer[0].view(walked.steps, walked.batch, -1)
        outer[0] = for_x if mask is None else for_x * mask
    return outer


def _sums(items: Sequence[Any], named: dict[str, Tensor]) -> list[Tensor]:
    """Every weight's gradient in memory of its own: two biases may have one and the same."""
    found, handed = [], set()
    for item in items:
        one = _sum(item, named)
        if not isinstance(item, Outer):
            one = one.clone() if item.value in handed else one
            handed.add(item.value)
        found.append(one)
    return found


def _sum(item: Any, named: dict[str, Tensor]) -> Tensor:
    """A weight's gradient aᵀ·b, or a part of it, from what the walk left.

    It is made as bᵀ·a and turned: steps use their matrices turned, and so what reaches the weight lies as it does.
    """
    if not isinstance(item, Outer):
        return named[item.value].reshape(item.shape)
    a = _rows(named[item.a])
    if isinstance(item.b, str):
        return product(_rows(named[item.b]).T, a).T
    turned, row = POOL.empty((sum(c.width for c in item.b), a.shape[1]), a.dtype), 0
    for columns in item.b:
        b = _rows(named[columns.name]).narrow(1, columns.first, columns.width)
        product(b.T, a, turned.narrow(0, row, columns.width))
        row += columns.width
    return turned.T


def _rows(sequence: Tensor) -> Tensor:
    return sequence.flatten(0, -2)


def _differentiable(
    walked: Walked, inputs: Sequence[Tensor], gradients: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """The same gradients, by the eager loop and able to be differentiated again (create_graph=True)."""
    count = len(walked.made.plan.states)
    with torch.enable_grad():
        # Views: what a start state or a tied weight has behind it is for the outer engine to go through, not for us.
        own = [t.view_as(t) if t.requires_grad else t for t in inputs]
        cell, x, weights = walked.made.cell, own[count], own[count + 1 :]
        states, last = chain(cell, x, cell.State(*own[:count]), cell.Weights(*weights), walked.course)
    wanted = [t for t in own if t.requires_grad]
    pairs = zip((*states, *last), gradients, strict=True)
    reached = [(r, g) for r, g in pairs if g is not None and r.requires_grad]
    if not reached:
        return [None] * len(own)
    results, given = zip(*reached, strict=True)
    found = iter(torch.autograd.grad(results, wanted, given, create_graph=True, allow_unused=True))
    return [next(found) if t.requires_grad else None for t in own]
