"""When a loss is no number: was it the data, or an operation; and operations whose slope is none where they were
used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from undertow.doctor.seen.graph import Graph, Op
from undertow.doctor.seen.lines import Line
from undertow.doctor.seen.losses import losses_of
from undertow.flow.nested import dense, tensors

OPERANDS = ("self", "mat1", "mat2", "other", "input", "target", "weight", "batch1", "batch2")


@dataclass(frozen=True)
class BadData:
    """Numbers that are none, in what the network was given."""

    step: int
    what: str  # input or target
    rows: tuple[int, ...]
    count: int
    line: Line
    example: str = ""


@dataclass(frozen=True)
class Singular:
    """An operation at a place where its slope is infinite."""

    step: int
    op: str
    value: float
    count: int
    line: Line
    module: str


def bad_data(root: Tensor, called: tuple[Any, Line] | None, step: int) -> BadData | None:
    """Was it what a network was called with, a target, or what a loop over raw tensors was given?"""
    if called is not None:
        arguments, line = called
        found = bad_among(arguments, "input", step, line)
        if found is not None:
            return found
    graph = Graph(root)
    for loss in losses_of(graph):
        found = bad_among(loss.target, "target", step, loss.line) if loss.target is not None else None
        if found is not None:
            return found
    return bad_in_graph(graph, step)


def bad_among(values: Any, what: str, step: int, line: Line) -> BadData | None:
    """The first tensor that holds numbers that are none."""
    for tensor in tensors(values):
        plain = dense(tensor.detach())
        if not plain.is_floating_point() or plain.dim() == 0 or tensor.grad_fn is not None:
            continue  # what another network made is no data
        wrong = ~plain.isfinite()
        count = int(wrong.sum())
        if count:
            rows = wrong.flatten(1).any(1) if plain.dim() > 1 else wrong
            first = plain[wrong][0]
            return BadData(
                step, what, tuple(rows.nonzero().flatten().tolist()), count, line, f"{float(first)}"
            )
    return None


def bad_in_graph(graph: Graph, step: int) -> BadData | None:
    """Of raw tensors: an operand that no operation made and that is no number, while no parameter is spoilt."""
    if any(not bool(v.detach().isfinite().all()) for v in graph.leaves if v.is_floating_point()):
        return None
    own = {v.data_ptr() for v in graph.leaves}
    for op in graph.ops:
        for name, value in _operands(op):
            if bool(value.isfinite().all()) or value.data_ptr() in own:
                continue
            if _from_data(op, name):
                what = "target" if name == "target" else "input"
                return bad_among(value, what, step, op.line)
            return None
    return None


def _operands(op: Op) -> Iterator[tuple[str, Tensor]]:
    for name in OPERANDS:
        value = op.saved(name)
        if isinstance(value, Tensor) and value.is_floating_point() and value.numel():
            yield name, value.detach()


def _from_data(op: Op, name: str) -> bool:
    """Was this operand made by no operation of the graph?"""
    place = {
        "self": 0,
        "input": 0,
        "mat1": 1 if op.kind == "Addmm" else 0,
        "mat2": 2 if op.kind == "Addmm" else 1,
        "other": 1,
    }
    number = place.get(name)
    return number is None or number >= len(op.inputs) or op.inputs[number][1] is None


def singular_in(graph: Graph, step: int) -> Singular | None:
    """The first operation that will be asked for a slope it has not."""
    for op in graph.ops:
        found = _singular(op)
        if found is not None:
            count, value = found
            return Singular(step, op.kind.lower(), value, count, op.line, op.module)
    return None


def _singular(op: Op) -> tuple[int, float] | None:
    """How many numbers stand at its edge, and where that is."""
    if op.kind == "Sqrt":
        return _zeros(op.saved("result"))
    if op.kind == "Rsqrt":
        return _infinite(op.saved("result"))
    if op.kind == "Log":
        return _zeros(op.saved("self"))
    if op.kind == "Pow":
        exponent = op.saved("exponent")
        return _zeros(op.saved("self")) if isinstance(exponent, int | float) and 0 < exponent < 1 else None
    if op.kind == "Div":
        return _zeros(op.saved("other"))
    if op.kind in ("Acos", "Asin"):
        value = op.saved("self")
        return _zeros(value.detach().abs() - 1) if isinstance(value, Tensor) else None
    return None


def _zeros(value: Any) -> tuple[int, float] | None:
    if not isinstance(value, Tensor) or not value.is_floating_point() or value.numel() == 0:
        return None
    count = int((value.detach() == 0).sum())
    return (count, 0.0) if count else None


def _infinite(value: Any) -> tuple[int, float] | None:
    if not isinstance(value, Tensor) or not value.is_floating_point():
        return None
    count = int(torch.isinf(value.detach()).sum())
    return (count, 0.0) if count else None
