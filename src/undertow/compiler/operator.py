"""The walk as operators that torch knows, so that torch.compile, torch.export and torch.func can hold it whole.

    undertow::infer     states of every step and after the last
    undertow::forward   the same, and what backward needs
    undertow::backward  gradients of start states, x and weights

A cell is no tensor, so an operator is handed a name for it, under which it was noted in this process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from undertow.cells.cell import Cell
from undertow.compiler import function
from undertow.compiler.function import Kept, Walked, saved_size
from undertow.compiler.graph import NoRowError
from undertow.compiler.precision import products_are_rounded
from undertow.compiler.recurrence import BITS, Recurrence, compile_step
from undertow.compiler.torch_marks import seen_as_constant
from undertow.compiler.variation import Variation
from undertow.errors import SettingError
from undertow.unroll.chain import Course
from undertow.unroll.steps import before

_NOTED: dict[str, tuple[Cell, Variation]] = {}


def note(cell: Cell, how: Variation) -> str:
    """The name under which operators find this cell and variation; the same in every process."""
    kind = type(cell)
    name = f"{kind.__module__}.{kind.__qualname__}: {cell!r} {how}"
    while _NOTED.setdefault(name, (cell, how)) != (cell, how):
        name += "'"  # another class of this name, as after a notebook's cell was run again
    return name


def cell_named(name: str) -> Cell:
    """The cell that was noted under a name."""
    return _NOTED[name][0]


def fit(
    cell: Cell, shapes: tuple[tuple[int, ...], ...], dtype: torch.dtype, how: Variation
) -> tuple[str, str]:
    """The cell's name and nothing, or nothing and why it has no kernel."""
    name = note(cell, how)
    try:
        _compiled(name, shapes, BITS[dtype])
    except NoRowError as error:
        return "", str(error)
    return name, ""


@lru_cache(512)
def _compiled(name: str, shapes: tuple[tuple[int, ...], ...], bits: int) -> Recurrence:
    """Traced in a thread of its own: within torch.compile, modes are set that a trace must not see."""
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(compile_step, _NOTED[name][0], shapes, bits, _NOTED[name][1]).result()


def _walked(name: str, x: Tensor, weights: Sequence[Tensor], masks: list[Tensor], reverse: bool) -> Walked:
    made = _made(name, x, weights)
    return Walked(made, x.shape[0], x.shape[1], Course(reverse=reverse), [m.contiguous() for m in masks])


def _made(name: str, x: Tensor, weights: Sequence[Tensor]) -> Recurrence:
    if name not in _NOTED:
        raise SettingError(
            f"This program walks the cell {name.partition(': ')[2]!r}, which this process does not know. "
            f"Build its module (undertow.Recurrent with that cell) and call it once under torch.compile first."
        )
    shapes = tuple(tuple(int(size) for size in w.shape) for w in weights)
    return _compiled(name, shapes, BITS[x.dtype])


@torch.library.custom_op("undertow::infer", mutates_args=())
def infer(
    x: Tensor, start: list[Tensor], weights: list[Tensor], masks: list[Tensor], name: str, reverse: bool
) -> list[Tensor]:
    """States of every step [T, B, n], then states after the last [B, n]."""
    walked = _walked(name, x, weights, masks, reverse)
    return function.forward(walked, [*start, x, *weights], "infer")[0]


@torch.library.custom_op("undertow::forward", mutates_args=())
def forward(
    x: Tensor, start: list[Tensor], weights: list[Tensor], masks: list[Tensor], name: str, reverse: bool
) -> list[Tensor]:
    """As infer; then the sequences that backward reads, then what it reads beside them."""
    walked = _walked(name, x, weights, masks, reverse)
    results, kept = function.forward(walked, [*start, x, *weights], "forward", before=False)
    read = [f for f in kept.feeds if f is not None]
    return [*results, *(f.view(*x.shape[:2], -1).clone() for f in read), kept.saved]


@torch.library.custom_op("undertow::backward", mutates_args=())
def backward(
    gradients: list[Tensor | None],
    x: Tensor,
    start: list[Tensor],
    weights: list[Tensor],
    masks: list[Tensor],
    results: list[Tensor],
    wanted: list[bool],
    name: str,
    reverse: bool,
) -> list[Tensor]:
    """Gradients of start states, x and weights; an empty tensor where none is wanted or there is none.

    `results` are those of forward, without the states after the last step.
    """
    walked = _walked(name, x, weights, masks, reverse)
    count, plan = len(start), walked.made.plan
    feeds = dict(zip(walked.made.feeds_read, results[count:], strict=False))
    with torch.no_grad():
        derived = walked.made.around.derive(weights)
    saved = results[count + len(feeds)]
    olds: list[Tensor | None] = [before(s, n, reverse) for s, n in zip(start, results, strict=False)]
    kept = Kept([feeds.get(n) for n in range(len(plan.sequences))], derived, saved, olds)
    found = function.backward(walked, [*start, x, *weights], results[:count], kept, gradients, wanted)
    return _apart([x.new_empty(0) if f is None else f.contiguous() for f in found], gradients)


def _apart(results: list[Tensor], inputs: Sequence[Tensor | None]) -> list[Tensor]:
    """Each in memory of its own, as an operator must give them."""
    seen = {i.untyped_storage().data_ptr() for i in inputs if i is not None}
    own = []
    for result in results:
        place = result.untyped_storage().data_ptr()
        own.append(result.clone() if place in seen else result)
        seen.add(place)
    return own


@infer.register_fake
def _shapes(
    x: Tensor, start: list[Tensor], weights: list[Tensor], masks: list[Tensor], name: str, reverse: bool
) -> list[Tensor]:
    return [*(s.new_empty(x.shape[0], *s.shape) for s in start), *(torch.empty_like(s) for s in start)]


@forward.register_fake
def _shapes_and_kept(
    x: Tensor, start: list[Tensor], weights: list[Tensor], masks: list[Tensor], name: str, reverse: bool
) -> list[Tensor]:
    made = _made(name, x, weights)
    widths = [made.plan.sequences[n] for n in made.feeds_read]
    return [
        *_shapes(x, start, weights, masks, name, reverse),
        *(x.new_empty(*x.shape[:2], w) for w in widths),
        x.new_empty(saved_size(made.plan, x.shape[0] * x.shape[1])),
    ]


@backward.register_fake
def _shapes_of_gradients(
    gradients: list[Tensor | None],
    x: Tensor,
    start: list[Tensor],
    weights: list[Tensor],
    masks: list[Tensor],
    results: list[Tensor],
    wanted: list[bool],
    name: str,
    reverse: bool,
) -> list[Tensor]:
    used = [*[True] * len(start), *_made(name, x, weights).around.used]
    inputs = [*start, x, *weights]
    return [
        t.new_empty(t.shape) if w and u else t.new_empty(0)
        for t, w, u in zip(inputs, wanted, used, strict=True)
    ]


def _setup(ctx: Any, inputs: Any, output: Any) -> None:
    x, start, weights, masks, ctx.name, ctx.reverse = inputs
    ctx.counts = len(start), len(weights), len(masks)
    count = len(start)
    ctx.save_for_backward(x, *start, *weights, *masks, *output[:count], *output[2 * count :])


def _pull(ctx: Any, gradients: Any) -> Any:
    states, matrices, masks = ctx.counts
    x, *rest = ctx.saved_tensors
    cuts = (states, states + matrices, states + matrices + masks)
    needs_x, needs_start, needs_weights = ctx.needs_input_grad[:3]
    wanted = [*_each(needs_start, states), bool(needs_x), *_each(needs_weights, matrices)]
    found = backward(
        list(gradients[: 2 * states]), x, rest[: cuts[0]], rest[cuts[0] : cuts[1]], rest[cuts[1] : cuts[2]],
        rest[cuts[2] :], wanted, ctx.name, ctx.reverse,
    )  # fmt: skip
    inputs = [*rest[: cuts[0]], x, *rest[cuts[0] : cuts[1]]]
    given = [f if w and f.shape == i.shape else None for f, w, i in zip(found, wanted, inputs, strict=True)]
    return given[states], given[:states], given[states + 1 :], [None] * masks, None, None


def _each(needs: Any, count: int) -> list[bool]:
    return list(needs) if isinstance(needs, list | tuple) else [bool(needs)] * count


forward.register_autograd(_pull, setup_context=_setup)


def _slice_by_slice(operator: Callable[..., list[Tensor]]) -> Callable[..., Any]:
    """vmap by one call a slice: right for every mixture of batched and shared arguments."""

    def rule(info: Any, dims: Any, *arguments: Any) -> Any:
        parts = [
            operator(*(_slice(a, d, n) for a, d in zip(arguments, dims, strict=True)))
            for n in range(info.batch_size)
        ]
        stacked = [torch.stack(column) for column in zip(*parts, strict=True)]
        return stacked, [0] * len(stacked)

    return rule


def _slice(argument: Any, dim: Any, number: int) -> Any:
    if isinstance(argument, list):
        return [_slice(a, d, number) for a, d in zip(argument, _dims(dim, argument), strict=True)]
    return argument if dim is None else argument.select(dim, number)


def _dims(dim: Any, argument: list[Any]) -> Sequence[Any]:
    return dim if isinstance(dim, list | tuple) else [dim] * len(argument)


for _operator in (infer, forward, backward):
    _operator.register_vmap(_slice_by_slice(_operator))


@seen_as_constant
def fit_constant(
    cell: Cell, shapes: Any, dtype: torch.dtype, how: tuple[bool, bool, bool]
) -> tuple[str, str]:
    """As `fit`, for torch.compile, which takes the answer for a constant of its program."""
    rounded = dtype == torch.float32 and products_are_rounded()
    return fit(cell, shapes, dtype, Variation(*how, rounded=rounded))


def walk(name: str, cell: Cell, x: Tensor, start: Any, weights: Any, course: Course) -> tuple[Any, Any]:
    """As `undertow.unroll.chain.chain`, by the operators; the cell is noted under this name."""
    seen = x if course.input_mask is None else x * course.input_mask
    inputs = [seen, *start, *weights]
    train = torch.is_grad_enabled() and any(t.requires_grad for t in inputs)
    results = (forward if train else infer)(
        seen, list(start), list(weights), function.masks_of(x, course), name, course.reverse
    )
    count = len(start)
    return cell.State(*results[:count]), cell.State(*results[count : 2 * count])
