"""Gains: how strongly does the last state of a walk feel the state k steps before it?

    gain(k)² = ‖∂h_T/∂state_{T-k}‖²_F / H = mean over directions v of length 1 of ‖vᵀ ∂h_T/∂state_{T-k}‖²

h is the first field of the state; state is all its fields side by side. One backward walk sends a random direction a
row of the batch, through a kernel where the cell has one.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from undertow.compiler.engine import walk
from undertow.flow.loops import Loop
from undertow.recurrent.stack import Passage
from undertow.unroll.chain import Course
from undertow.unroll.gauges import blank, squares

Walk = Passage | Loop


def squared_gains(one: Walk, generator: torch.Generator) -> Tensor:
    """‖vᵀ ∂h_T/∂state_{T-k}‖² by lag k, the mean over rows with one random direction v of length 1 each."""
    return _through_loop(one, generator) if isinstance(one, Loop) else _through_walk(one, generator)


def _through_walk(one: Passage, generator: torch.Generator) -> Tensor:
    x = one.x.detach().requires_grad_()
    start = [s.detach() for s in one.start]
    gauges = blank(x, start)
    weights = type(one.weights)(*(w.detach() for w in one.weights))
    course = replace(one.course, gauges=gauges)
    with torch.enable_grad():
        _, last = walk("auto", one.cell, x, one.cell.State(*start), weights, course)
        if last[0].requires_grad:
            torch.autograd.grad(last[0], x, _directions(last[0], generator), allow_unused=True)
    return _by_lag(torch.stack([squares(g) for g in gauges]).sum(0).double(), course)


def _through_loop(one: Loop, generator: torch.Generator) -> Tensor:
    fields = list(one.fields().values())
    last, states = fields[0][-1], [s for field in fields for s in field]
    back = torch.autograd.grad(
        last,
        states,
        _directions(last, generator),
        retain_graph=True,
        allow_unused=True,
        materialize_grads=True,
    )
    rows = last.shape[0] if last.dim() > 1 else 1
    by_call = torch.stack([g.double().square().sum() / rows for g in back])
    return by_call.view(len(fields), -1).sum(0).flip(0)


def _directions(last: Tensor, generator: torch.Generator) -> Tensor:
    """One of length 1 a row."""
    found = torch.randn(last.shape, generator=generator).to(last)
    rows = found.flatten(1) if found.dim() > 1 else found[None]
    unit: Tensor = rows / rows.norm(dim=1, keepdim=True)
    return unit.view(last.shape)


def _by_lag(back: Tensor, course: Course) -> Tensor:
    """The mean over rows for each lag, counted from every row's own last step; shorter rows are left out."""
    if course.lengths is not None:
        return _from_ends(back, course.lengths, course.reverse)
    return (back if course.reverse else back.flip(0)).mean(1)


def _from_ends(back: Tensor, lengths: Tensor, reverse: bool) -> Tensor:
    totals = []
    for lag in range(int(lengths.max())):
        rows = (lengths > lag).nonzero().flatten()
        at = torch.full_like(rows, lag) if reverse else lengths[rows] - 1 - lag
        totals.append(back[at, rows].mean())
    return torch.stack(totals)


def few_rows(one: Passage, rows: int) -> Passage:
    """The same walk of the first rows alone, in memory of its own, without its graph; weights stay the layer's."""
    course = one.course

    def first(tensor: Tensor, axis: int) -> Tensor:
        return tensor.detach().narrow(axis, 0, min(rows, tensor.shape[axis])).clone()

    few = Course(
        None if course.lengths is None else first(course.lengths, 0),
        course.reverse,
        None if course.input_mask is None else first(course.input_mask, 0),
        None if course.state_mask is None else first(course.state_mask, 0),
        None if course.zoneout is None else tuple(first(z, 1) for z in course.zoneout),
    )
    state = one.cell.State
    start, states = state(*(first(s, 0) for s in one.start)), state(*(first(s, 1) for s in one.states))
    return replace(one, x=first(one.x, 1), start=start, states=states, taps=(), course=few)
