"""Autograd's graph of one loss, as a list that can be asked: what was computed, from which parameters, in which order.

Every style of writing a network leaves the same graph: modules, functions, loops over raw tensors. Operations are in
the order in which they were made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from weakref import ReferenceType, ref

import torch
from torch import Tensor

from undertow.doctor.seen.lines import Line, in_traceback

MOST = 200_000  # operations; a larger graph is not read
STEPS = 4  # uses of a parameter, one after another, that make a recurrence
MODULE = "undertow.doctor.module"  # key of a node's own notes
STRETCHED = (
    "undertow.doctor.stretched"  # of a loss whose outputs were stretched over its targets: both shapes
)
LEAF = "torch::autograd::AccumulateGrad"
VIEWS = frozenset(
    [
        "T",
        "Transpose",
        "Permute",
        "View",
        "UnsafeView",
        "Reshape",
        "Expand",
        "Unsqueeze",
        "Squeeze",
        "Slice",
        "Select",
        "Split",
        "UnsafeSplit",
        "Chunk",
        "Narrow",
        "Unbind",
        "Clone",
        "ToCopy",
        "Alias",
        "AsStrided",
        "Contiguous",
        "Mt",
        "SplitWithSizes",
        "Copy",
        "Flip",
        "ReshapeAlias",
        "Detach",
    ]
)
BENDS = frozenset(
    [
        "Cos",
        "Sin",
        "Exp",
        "Neg",
        "Tanh",
        "Sigmoid",
        "Softplus",
        "Sqrt",
        "Pow",
        "Log",
        "Abs",
        "Relu",
        "Reciprocal",
        "Expm1",
        "Log1P",
        "Square",
        "LinalgMatrixExp",
    ]
)
PRODUCTS = frozenset(
    [
        "Mm",
        "Addmm",
        "Bmm",
        "Baddbmm",
        "Mv",
        "Addmv",
        "Dot",
        "Linear",
        "Convolution",
        "MkldnnConvolution",
        "Embedding",
        "MkldnnRnnLayer",
        "CudnnRnn",
        "MkldnnLinear",
        "Addbmm",
        "Mul",
        "Einsum",
        "IndexSelect",
        "Index",
    ]
)
BY_ELEMENT = frozenset(
    {"Mul", "IndexSelect", "Index"}
)  # count as a use of a parameter that is multiplied by state


@dataclass(eq=False)
class Op:
    """One operation of the graph."""

    node: Any
    graph: ReferenceType[Graph]  # weak: what autograd keeps goes with the graph, not at some later collection
    place: int = 0

    @cached_property
    def inputs(self) -> list[tuple[int, Op | None]]:
        """Output number of the other, and the other."""
        graph = self.graph()
        assert graph is not None, "what is asked while its graph is there"
        return [graph.met(other, number) for other, number in self.node.next_functions]

    @cached_property
    def name(self) -> str:
        """As autograd has it."""
        return str(self.node.name())

    @cached_property
    def kind(self) -> str:
        """MmBackward0 is an Mm."""
        return self.name.rpartition("::")[2].partition("Backward")[0]

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Of its first output."""
        known = self.node._input_metadata
        return tuple(int(n) for n in known[0].shape) if known else ()

    @cached_property
    def size(self) -> int:
        """Numbers of its first output."""
        size = 1
        for n in self.shape:
            size *= n
        return size

    @property
    def variable(self) -> Tensor | None:
        """Of a leaf."""
        return self.node.variable if self.name == LEAF else None

    @property
    def stretched(self) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """Of what a loss of torch gave: the shape of its outputs, and that to which it stretched them itself."""
        found: tuple[tuple[int, ...], tuple[int, ...]] | None = self.node.metadata.get(STRETCHED)
        return found

    @property
    def module(self) -> str:
        """The innermost module that made it."""
        return str(self.node.metadata.get(MODULE, ""))

    @property
    def line(self) -> Line:
        """Where the user's code made it; known while autograd keeps tracebacks."""
        return in_traceback(self.node.metadata.get("traceback_") or [])

    @cached_property
    def made(self) -> int:
        """Autograd's own count; leaves have none."""
        return -1 if self.name == LEAF else int(self.node._sequence_nr())

    def saved(self, name: str) -> Any:
        """What it keeps for backward; None where that is nothing, or gone."""
        try:
            return getattr(self.node, f"_saved_{name}", None)
        except RuntimeError:  # freed, or changed in place since
            return None

    @property
    def others(self) -> list[Op]:
        """What it was made of."""
        return [other for _, other in self.inputs if other is not None]


class Graph:
    """Of one tensor; read as far as is asked."""

    def __init__(self, root: Tensor) -> None:
        self._known: dict[Any, Op] = {}
        self.root = None if root.grad_fn is None else self.met(root.grad_fn, 0)[1]

    def met(self, node: Any, number: int) -> tuple[int, Op | None]:
        """An operation by its node, each once, with the number of its output that is read."""
        if node is None:
            return 0, None
        op = self._known.get(node)
        if op is None:
            op = self._known[node] = Op(node, ref(self))
        return number, op

    @cached_property
    def ops(self) -> list[Op]:
        """All of it, those made first at the front; or so many, if it is not read whole."""
        waiting = [] if self.root is None else [self.root]
        found = dict.fromkeys(waiting)
        while waiting and len(found) <= MOST:
            for _, other in waiting.pop().inputs:
                if other is not None and other not in found:
                    found[other] = None
                    waiting.append(other)
        ordered = sorted(found, key=lambda op: op.made)
        for place, op in enumerate(ordered):
            op.place = place
        return ordered

    @property
    def whole(self) -> bool:
        """Is it small enough to be read?"""
        return len(self.ops) <= MOST

    def __len__(self) -> int:
        return len(self.ops)

    @cached_property
    def leaves(self) -> list[Tensor]:
        """Tensors that gradients come to."""
        return [v for op in self.ops if (v := op.variable) is not None]

    @cached_property
    def uses(self) -> dict[int, list[tuple[Op, int]]]:
        """By id of a parameter: the products it is a factor of, and as which of their inputs."""
        found: dict[int, list[tuple[Op, int]]] = {}
        for op in self.ops:
            if op.kind in PRODUCTS and not (op.kind in BY_ELEMENT and parameter_behind(op) is not None):
                for number, (_, other) in enumerate(op.inputs):
                    leaf = parameter_behind(other)
                    if leaf is not None and (v := leaf.variable) is not None and v.dim() >= self._least(op):
                        found.setdefault(id(v), []).append((op, number))
        return found

    def levels(self, parameter: int) -> list[list[Op]]:
        """The uses of a parameter, by how many uses each depends on: those of a recurrence have a level a step."""
        own = {op for op, _ in self.uses.get(parameter, ())}
        heights: dict[Op, int] = {}
        found: dict[int, list[Op]] = {}
        for op in self.ops:
            height = max((heights.get(other, 0) for other in op.others), default=0)
            if op in own:
                found.setdefault(height, []).append(op)
                height += 1
            heights[op] = height
        return [found[level] for level in sorted(found)]

    def recurrences(self) -> Iterator[tuple[int, list[Op]]]:
        """Parameters, by id, whose uses depend on one another, and one use a step."""
        for parameter, uses in self.uses.items():
            levels = self.levels(parameter) if len(uses) >= STEPS else []
            if len(levels) >= STEPS:
                yield parameter, [level[-1] for level in levels]

    @staticmethod
    def _least(op: Op) -> int:
        return 1 if op.kind in BY_ELEMENT else 2


def through_views(op: Op | None) -> Op | None:
    """What is looked at, if this only looks at it in another way."""
    while op is not None and op.kind in VIEWS and len(op.others) == 1:
        op = op.others[0]
    return op


def parameter_behind(op: Op | None) -> Op | None:
    """The leaf that this is a function of, of it alone: exp(-exp(a)) of a, or the matrix exponential of a - aᵀ."""
    op = _down(op)
    if op is not None and op.kind in ("Add", "Sub") and len(op.others) == 2:
        left, right = map(_down, op.others)
        op = left if left is right else None
    return op if op is not None and op.name == LEAF else None


def _down(op: Op | None) -> Op | None:
    """As far as one thing is made of one other thing."""
    while op is not None and len(op.others) == 1:
        scaled = op.kind in ("Mul", "Div", "Add", "Sub", "Rsub") and _by_number(op)
        if not (op.kind in VIEWS or op.kind in BENDS or scaled):
            return None
        op = op.others[0]
    return op


def _by_number(op: Op) -> bool:
    """Is the other operand one number?"""
    other = op.saved("other") if op.inputs[0][1] is not None else op.saved("self")
    return op.kind in ("Add", "Sub", "Rsub") or not isinstance(other, Tensor) or other.dim() == 0


def below(op: Op, most: int) -> Iterator[Op]:
    """What it depends on, nearest first, up to so many operations."""
    waiting, seen = [op], {op}
    while waiting and len(seen) <= most:
        now = waiting.pop(0)
        yield now
        for other in now.others:
            if other not in seen:
                seen.add(other)
                waiting.append(other)


def reaches(op: Op, target: Op, most: int = 2000) -> bool:
    """Does it depend on the other? Only what was made later than that is looked through."""
    waiting, seen = [op], {op}
    while waiting and len(seen) <= most:
        now = waiting.pop()
        if now is target:
            return True
        for other in now.others:
            if other not in seen and other.place >= target.place:
                seen.add(other)
                waiting.append(other)
    return False


def retained(graph: Graph, since: int) -> bool:
    """Does it reach back to what was made before autograd's count stood at `since`?"""
    return any(0 <= op.made < since for op in graph.ops)


def count_now() -> int:
    """Where autograd's count stands."""
    return int(torch._C._autograd._get_sequence_nr())


def reach(graph: Graph) -> int:
    """How many steps of a recurrence does it hold: the most uses of one parameter that depend on one another?"""
    most = sorted(graph.uses, key=lambda key: -sum(_steps(op) for op, _ in graph.uses[key]))[:3]
    return max((sum(max(map(_steps, level)) for level in graph.levels(key)) for key in most), default=0)


def _steps(op: Op) -> int:
    """Of a fused layer as many as its input is long."""
    inputs = op.saved("input") if op.kind == "MkldnnRnnLayer" else None
    return int(inputs.shape[0]) if isinstance(inputs, Tensor) else 1


OPERANDS = {
    "Mm": ("self", 0),
    "Addmm": ("mat1", 1),
    "Mv": ("self", 0),
    "Convolution": ("input", 0),
    "MkldnnRnnLayer": ("input", 0),
}


def operand(op: Op) -> tuple[Tensor | None, bool]:
    """What a parameter was multiplied with, and whether that was data, which no operation of the graph made."""
    if op.kind == "Mul" and len(op.inputs) == 2:
        number = 0 if op.inputs[0][1] is not None else 1
        value = op.saved("other" if number == 0 else "self")
        return (
            (value, True) if isinstance(value, Tensor) and op.inputs[1 - number][1] is None else (None, False)
        )
    name, place = OPERANDS.get(op.kind, ("", 0))
    value = op.saved(name) if name else None
    if not isinstance(value, Tensor) or not value.is_floating_point() or not value.numel():
        return None, False
    return value.detach(), op.inputs[place][1] is None
