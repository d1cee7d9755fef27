"""The gradients of what lies outside a walk over time, traced."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import Any

import torch
from torch import Tensor

from undertow.compiler.decompose import WHOLE
from undertow.compiler.hoist import Around, outputs, pooled
from undertow.compiler.trace import Traced, flexible, to_fx


def around(traced: Traced, weights: Sequence[Tensor]) -> Around:
    """Trace the gradients of what lies outside the walk; both parts with products in reused memory."""
    nodes = [n for n in traced.hoisted.graph.nodes if n.op == "placeholder"]
    x = torch.zeros(nodes[0].meta["val"].shape, dtype=weights[0].dtype if weights else None)
    core = [n for n in traced.core.graph.nodes if n.op == "placeholder"]
    inner = tuple(bool(n.users) for n in core[len(core) - traced.derived :])

    def joint(*arguments: Tensor) -> Any:
        inputs, gradients = arguments[: 1 + len(weights)], arguments[1 + len(weights) :]

        def outer(x: Tensor, *weights: Tensor) -> Any:
            derived = traced.prologue(*weights)
            return (*traced.hoisted(x, *derived), *compress(derived, inner))

        found: Any = torch.func.vjp(outer, *inputs)
        return found[1](tuple(gradients))

    results = [n.meta["val"] for n in (*outputs(traced.hoisted), *compress(outputs(traced.prologue), inner))]
    examples = [x, *weights, *(torch.zeros(r.shape, dtype=r.dtype) for r in results)]
    nothing = not results  # a step that reads neither x nor a weight: nothing is pulled back
    pull = traced.hoisted if nothing else pooled(flexible(to_fx(joint, examples, WHOLE), traced.batch))
    own = [n for n in traced.prologue.graph.nodes if n.op == "placeholder"]
    used = (bool(nodes[0].users), *(bool(n.users) for n in own))
    return Around(traced.prologue, pooled(traced.hoisted), pull, inner, used)
