"""What torch does around a walk over time: first what depends on weights or x alone, last their gradients.

Both are traced once; products of matrices go into memory that is used again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, fx

from undertow.compiler.buffers import POOL, SMALL
from undertow.compiler.precision import products_are_rounded

mm, transpose = torch.ops.aten.mm.default, torch.ops.aten.t.default


SWIFT = {mm: torch.mm, transpose: torch.t}


def product(x: Tensor, w: Tensor, out: Tensor | None = None) -> Tensor:
    """x [N, I] · w [I, n], as torch.mm gives it; on the tile unit where factors may be rounded and it is faster."""
    if products_are_rounded():
        from undertow.compiler.rounded_product import rounded_product, worth_rounding

        if worth_rounding(x, w):
            room = POOL.empty((x.shape[0], w.shape[1]), x.dtype) if out is None else out
            return rounded_product(x, w, room)
    if out is None and x.shape[0] * w.shape[1] * x.element_size() < SMALL:
        return torch.mm(x, w)
    return torch.mm(x, w, out=POOL.empty((x.shape[0], w.shape[1]), x.dtype) if out is None else out)


@dataclass(frozen=True, eq=False)
class Around:
    """The two outer parts of a recurrence."""

    prologue: fx.GraphModule  # (*weights) -> derived weights
    hoisted: fx.GraphModule  # (x, *derived) -> sequences
    pull: fx.GraphModule  # (x, *weights, *gradients of sequences and of inner) -> gradients of x and weights
    inner: tuple[bool, ...]  # which derived weights the recurrence itself reads
    used: tuple[bool, ...]  # x and which weights the step reads
    pulls: dict[tuple[bool, ...], Callable[..., Any]] = field(default_factory=dict)

    def derive(self, weights: Sequence[Tensor]) -> list[Tensor]:
        """Derived weights."""
        return list(self._prologue(*weights))

    def feed(self, x: Tensor, derived: Sequence[Tensor]) -> list[Tensor]:
        """Sequences, of any rows of x [N, I]."""
        return [sequence.contiguous() for sequence in self._hoisted(x, *derived)]

    def behind(
        self, x: Tensor, weights: Sequence[Tensor], gradients: Sequence[Tensor], wanted: Sequence[bool]
    ) -> list[Tensor | None]:
        """Gradients of x and the weights where they are wanted and there are any."""
        key = tuple(w and u for w, u in zip(wanted, self.used, strict=True))
        if not any(key):
            return [None] * len(key)
        if key not in self.pulls:
            self.pulls[key] = swift(only(self.pull, key))
        return list(self.pulls[key](x, *weights, *gradients))

    @cached_property
    def _prologue(self) -> Callable[..., Any]:
        return swift(self.prologue)

    @cached_property
    def _hoisted(self) -> Callable[..., Any]:
        return swift(self.hoisted)


def outputs(module: fx.GraphModule) -> list[fx.Node]:
    """What a traced module gives."""
    return list(next(n for n in module.graph.nodes if n.op == "output").args[0])


def _copy(module: fx.GraphModule) -> fx.GraphModule:
    graph = fx.Graph()
    graph.output(graph.graph_copy(module.graph, {}))
    return fx.GraphModule(module, graph)


def pooled(module: fx.GraphModule) -> fx.GraphModule:
    """The same module with its products in reused memory.

    A product that is only made to be turned is made turned: (a·b)ᵀ = bᵀ·aᵀ, and nothing copies it into place later.
    """
    made = _copy(module)
    for node in list(made.graph.nodes):
        inner = node.args[0] if node.target is transpose else None
        if isinstance(inner, fx.Node) and inner.target is mm and len(inner.users) == 1:
            with made.graph.inserting_before(node):
                a, b = (made.graph.call_function(transpose, (i,)) for i in inner.args)
                turned = made.graph.call_function(mm, (b, a))
            node.replace_all_uses_with(turned)
            made.graph.erase_node(node)
            made.graph.erase_node(inner)
    for node in made.graph.nodes:
        if node.op == "call_function" and node.target is mm:
            node.target = product
    made.recompile()
    return made


def swift(module: fx.GraphModule) -> Callable[..., Any]:
    """The same function; ops are called by their short ways into torch, which take a third of the time."""
    made = _copy(module)
    for node in made.graph.nodes:
        node.target = SWIFT.get(node.target, node.target)
    made.recompile()
    function: Callable[..., Any] = made.forward
    return function


def only(module: fx.GraphModule, wanted: tuple[bool, ...]) -> fx.GraphModule:
    """The same module without what makes the other outputs."""
    made = _copy(module)
    last = next(n for n in made.graph.nodes if n.op == "output")
    last.args = (tuple(n if w else None for n, w in zip(last.args[0], wanted, strict=True)),)
    made.graph.eliminate_dead_code()
    made.recompile()
    return made
