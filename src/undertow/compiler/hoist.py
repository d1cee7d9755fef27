"""What torch does around a walk over time: first what depends on weights or x alone, last their gradients.

Both are traced once; products of matrices go into memory that is used again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx

from undertow.compiler.buffers import POOL, SMALL
from undertow.compiler.decompose import WHOLE
from undertow.compiler.trace import Traced, flexible, to_fx

mm = torch.ops.aten.mm.default


def product(x: Tensor, w: Tensor) -> Tensor:
    """x [N, I] · w [I, n], as torch.mm gives it."""
    if x.shape[0] * w.shape[1] * x.element_size() < SMALL:
        return torch.mm(x, w)
    return torch.mm(x, w, out=POOL.empty((x.shape[0], w.shape[1]), x.dtype))


@dataclass(frozen=True, eq=False)
class Around:
    """The two outer parts of a recurrence."""

    traced: Traced
    prologue: fx.GraphModule  # (*weights) -> derived weights
    hoisted: fx.GraphModule  # (x, *derived) -> sequences
    pull: fx.GraphModule  # (x, *weights, *gradients of sequences and derived) -> gradients of x and weights
    used: tuple[bool, ...]  # x and which weights the step reads
    pulls: dict[tuple[bool, ...], fx.GraphModule] = field(default_factory=dict)

    def before(self, x: Tensor, weights: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Sequences and derived weights, of x [T·B, I]."""
        derived = list(self.prologue(*weights))
        return list(self.hoisted(x, *derived)), derived

    def behind(
        self, x: Tensor, weights: Sequence[Tensor], gradients: Sequence[Tensor], wanted: Sequence[bool]
    ) -> list[Tensor | None]:
        """Gradients of x and the weights where they are wanted and there are any."""
        key = tuple(w and u for w, u in zip(wanted, self.used, strict=True))
        if not any(key):
            return [None] * len(key)
        if key not in self.pulls:
            self.pulls[key] = _only(self.pull, key)
        return list(self.pulls[key](x, *weights, *gradients))


def around(traced: Traced, weights: Sequence[Tensor]) -> Around:
    """Trace the gradients of what lies outside the walk; both parts with products in reused memory."""
    nodes = [n for n in traced.hoisted.graph.nodes if n.op == "placeholder"]
    x = torch.zeros(nodes[0].meta["val"].shape, dtype=weights[0].dtype if weights else None)

    def joint(*arguments: Tensor) -> Any:
        inputs, gradients = arguments[: 1 + len(weights)], arguments[1 + len(weights) :]

        def outer(x: Tensor, *weights: Tensor) -> Any:
            derived = traced.prologue(*weights)
            return (*traced.hoisted(x, *derived), *derived)

        found: Any = torch.func.vjp(outer, *inputs)
        return found[1](tuple(gradients))

    results = [
        n.meta["val"] for m in (traced.hoisted, traced.prologue) for n in _output(m) if isinstance(n, fx.Node)
    ]
    examples = [x, *weights, *(torch.zeros(r.shape, dtype=r.dtype) for r in results)]
    pull = pooled(flexible(to_fx(joint, examples, WHOLE), traced.batch))
    own = [n for n in traced.prologue.graph.nodes if n.op == "placeholder"]
    used = (bool(nodes[0].users), *(bool(n.users) for n in own))
    return Around(traced, traced.prologue, pooled(traced.hoisted), pull, used)


def _output(module: fx.GraphModule) -> list[Any]:
    return list(next(n for n in module.graph.nodes if n.op == "output").args[0])


def _copy(module: fx.GraphModule) -> fx.GraphModule:
    graph = fx.Graph()
    graph.output(graph.graph_copy(module.graph, {}))
    return fx.GraphModule(module, graph)


def pooled(module: fx.GraphModule) -> fx.GraphModule:
    """The same module with its products in reused memory."""
    made = _copy(module)
    for node in made.graph.nodes:
        if node.op == "call_function" and node.target is mm:
            node.target = product
    made.recompile()
    return made


def _only(module: fx.GraphModule, wanted: tuple[bool, ...]) -> fx.GraphModule:
    """The same module without what makes the other outputs."""
    made = _copy(module)
    last = next(n for n in made.graph.nodes if n.op == "output")
    last.args = (tuple(n if w else None for n, w in zip(last.args[0], wanted, strict=True)),)
    made.graph.eliminate_dead_code()
    made.recompile()
    return made
