"""The gate on a cell's own memory, found in the graph: c' = f ∘ c + i ∘ g, however it was written; and its biases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from undertow.doctor.seen.graph import BY_ELEMENT, VIEWS, Graph, Op, below, parameter_behind, through_views

NEAR = 60  # operations around a use in which gates are looked for
SUMS = ("Add", "Addmm", "Linear")


@dataclass(frozen=True)
class Gate:
    """In one step of the recurrence."""

    value: Tensor
    sigmoid: Op  # what made it; views lie between
    views: tuple[tuple[int, Op], ...] = ()  # from the product down to the sigmoid: which output of which view
    flipped: bool = False  # it is 1 less the sigmoid


def memory_gate(between: Sequence[Op]) -> Gate | None:
    """Of a sum of two products, the sigmoid that is multiplied with what is no sigmoid's product."""
    for op in between:
        products = [o for o in op.others if o.kind in BY_ELEMENT]
        if op.kind != "Add" or len(products) != 2:
            continue
        for product in products:
            gate = _gate_on_memory(product)
            if gate is not None:
                return gate
    return None


def _gate_on_memory(product: Op) -> Gate | None:
    sources = [through_views(other) for _, other in product.inputs]
    if len(sources) != 2:
        return None
    for number, source in enumerate(sources):
        other = sources[1 - number]
        flipped = source is not None and source.kind in ("Rsub", "Sub")  # 1 - i, of coupled gates
        if flipped and source is not None:
            source = through_views(next(iter(source.others), None)) if len(source.others) == 1 else None
        if source is None or source.kind != "Sigmoid":
            continue
        if other is not None and other.kind not in ("Add", "Lerp"):
            continue
        value = product.saved("self" if number == 0 else "other")
        if isinstance(value, Tensor):
            return Gate(value.detach(), source, tuple(_views(*product.inputs[number])), flipped)
    return None


def _views(output: int, op: Op | None) -> Iterator[tuple[int, Op]]:
    """Down to what is no view."""
    while op is not None and op.kind in VIEWS and len(op.others) == 1:
        yield output, op
        output, op = next((n, other) for n, other in op.inputs if other is not None)


def forget_biases(graph: Graph) -> list[tuple[list[Tensor], int]]:
    """Of every recurrence with such a gate: the parts of biases that add up to the gate's own, and the sign with which
    they open it."""
    found: dict[tuple[int, int], tuple[list[Tensor], int]] = {}
    for _, (*_, start, end) in graph.recurrences():
        gate = memory_gate([op for op in below(end, NEAR) if op.place > start.place])
        parts = _parts(gate) if gate is not None else []
        if gate is not None and parts:
            found.setdefault((parts[0].data_ptr(), parts[0].numel()), (parts, -1 if gate.flipped else 1))
    return list(found.values())


def _parts(gate: Gate) -> list[Tensor]:
    width = gate.value.shape[-1]
    own = gate.sigmoid.inputs[0]
    below_it = list(_views(*own))
    source = through_views(own[1])
    biases = _added(source) if source is not None else []
    offset = _offset([*gate.views, *below_it], width)
    return [b.detach()[offset : offset + width] for b in biases if b.numel() >= offset + width]


def _offset(views: Sequence[tuple[int, Op]], width: int) -> int:
    """Where along the last axis does what is looked at begin?"""
    offset = 0
    for output, view in views:
        if view.kind in ("Split", "UnsafeSplit", "Chunk", "SplitWithSizes"):
            size = view.saved("split_size")
            offset += output * (int(size) if isinstance(size, int) else width)
        elif view.kind == "Slice":
            dim, start = view.saved("dim"), view.saved("start")
            last = len(view.saved("self_sym_sizes") or ()) - 1
            offset += int(start) if dim in (last, -1, 2**64 - 1) and isinstance(start, int) else 0
    return offset


def _added(op: Op, depth: int = 4) -> list[Tensor]:
    """Vectors that are parameters, summed into it."""
    found: list[Tensor] = []
    for other in op.others if op.kind in SUMS and depth else ():
        leaf = parameter_behind(other)
        vector = leaf.variable if leaf is not None else None
        if vector is not None and vector.dim() == 1:
            found.append(vector)
            continue
        inner = through_views(other)
        if inner is not None and vector is None:
            found += _added(inner, depth - 1)
    return found
