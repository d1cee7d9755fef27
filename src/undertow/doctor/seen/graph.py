"""Autograd's graph of one loss, as a list that can be asked: what was computed, from which parameters, in which order.

Every style of writing a network leaves the same graph: modules, functions, loops over raw tensors. Operations are in
the order in which they were made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from undertow.doctor.seen.lines import Line, in_traceback

MOST = 200_000  # operations; a larger graph is not read
MODULE = "undertow.doctor.module"  # key of a node's own notes
LEAF = "torch::autograd::AccumulateGrad"
VIEWS = frozenset(
    "T Transpose Permute View UnsafeView Reshape Expand Unsqueeze Squeeze Slice Select Split UnsafeSplit Chunk Narrow Unbind"
    " Clone ToCopy Alias AsStrided Contiguous Mt SplitWithSizes Copy Flip ReshapeAlias Detach".split()
)
PRODUCTS = frozenset(
    "Mm Addmm Bmm Baddbmm Mv Addmv Dot Linear Convolution MkldnnConvolution Embedding MkldnnRnnLayer CudnnRnn"
    " MkldnnLinear Addbmm Mul Einsum IndexSelect Index".split()
)
BY_ELEMENT = frozenset({"Mul", "IndexSelect", "Index"})  # count as a use of a parameter that is multiplied by state


@dataclass(eq=False)
class Op:
    """One operation of the graph."""

    node: Any
    place: int = 0
    inputs: list[tuple[int, Op | None]] = field(default_factory=list)  # output number of the other, and the other

    @cached_property
    def kind(self) -> str:
        """MmBackward0 is an Mm."""
        name: str = self.node.name().rpartition("::")[2]
        return name.partition("Backward")[0]

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
        return self.node.variable if self.node.name() == LEAF else None

    @property
    def module(self) -> str:
        """The innermost module that made it."""
        return str(self.node.metadata.get(MODULE, ""))

    @property
    def line(self) -> Line:
        """Where the user's code made it; known while autograd keeps tracebacks."""
        return in_traceback(self.node.metadata.get("traceback_") or [])

    @property
    def made(self) -> int:
        """Autograd's own count; leaves have none."""
        return -1 if self.node.name() == LEAF else int(self.node._sequence_nr())

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
    """Of one tensor."""

    def __init__(self, root: Tensor) -> None:
        self.ops: list[Op] = []
        self.whole = True
        self.root: Op | None = None
        if root.grad_fn is not None:
            self._read(root.grad_fn)

    def _read(self, first: Any) -> None:
        known: dict[Any, Op] = {first: Op(first)}
        waiting = [first]
        while waiting:
            node = waiting.pop()
            op = known[node]
            for other, number in node.next_functions:
                if other is None:
                    op.inputs.append((0, None))
                    continue
                if other not in known:
                    known[other] = Op(other)
                    waiting.append(other)
                op.inputs.append((number, known[other]))
            if len(known) > MOST:
                self.whole = False
                break
        self.root = known[first]
        self.ops = sorted(known.values(), key=lambda op: op.made)
        for place, op in enumerate(self.ops):
            op.place = place

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
            if op.kind in PRODUCTS:
                for number, (_, other) in enumerate(op.inputs):
                    leaf = through_views(other)
                    if leaf is not None and (v := leaf.variable) is not None and v.dim() >= self._least(op):
                        found.setdefault(id(v), []).append((op, number))
        return found

    @staticmethod
    def _least(op: Op) -> int:
        return 1 if op.kind in BY_ELEMENT else 2


def through_views(op: Op | None) -> Op | None:
    """What is looked at, if this only looks at it in another way."""
    while op is not None and op.kind in VIEWS and len(op.others) == 1:
        op = op.others[0]
    return op


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
    """How many steps of a recurrence does it hold: how often is the parameter used that is used most?"""
    return max((sum(_steps(op) for op, _ in uses) for uses in graph.uses.values()), default=0)


def _steps(op: Op) -> int:
    """Of a fused layer as many as its input is long."""
    inputs = op.saved("input") if op.kind == "MkldnnRnnLayer" else None
    return int(inputs.shape[0]) if isinstance(inputs, Tensor) else 1
